"""The flags of every command. Only argparse is loaded for them: what a command needs to run is named as a text, and imported after parsing.

`servers`: render, verify, up. `targets`: check, lint, effective. `apps`: manifest, page, link. `machine`: config, clean, doctor.
`help`: explain, rules, completion. What several commands have is in `shared`.
"""
