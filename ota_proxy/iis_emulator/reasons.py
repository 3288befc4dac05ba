"""Reason phrases and the names of sub-statuses, as IIS's pages and Microsoft's list of status codes have them."""

from __future__ import annotations

from http import HTTPStatus

_SUB = {
    (403, 4): "SSL required",
    (403, 6): "IP address rejected",
    (403, 7): "Client certificate required",
    (403, 14): "Directory listing denied",
    (404, 3): "MIME type restriction",
    (404, 4): "No handler configured",
    (404, 5): "Denied by request filtering configuration",
    (404, 6): "Verb denied",
    (404, 7): "File extension denied",
    (404, 8): "Hidden namespace",
    (404, 11): "Request contains double escape sequence",
    (404, 12): "Request contains high-bit characters",
    (404, 14): "Request URL too long",
    (404, 15): "Query string too long",
    (404, 18): "Query string sequence denied",
    (404, 19): "Denied by filtering rule",
    (413, 1): "Content length too large",
    (500, 19): "Configuration data is invalid",
    (500, 50): "A rewrite error occurred during RQ_BEGIN_REQUEST notification handling",
    (500, 51): "A rewrite error occurred during GL_PRE_BEGIN_REQUEST notification handling",
    (500, 52): "A rewrite error occurred during RQ_SEND_RESPONSE notification handling",
    (502, 3): "Bad Gateway: Forwarder Connection Error (ARR)",
}


def reason(status: int) -> str:
    """Return the phrase of a status, empty for a number nobody registered."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def meaning(status: int, substatus: int) -> str:
    """Return what status and sub-status say together."""
    return _SUB.get((status, substatus)) or reason(status)
