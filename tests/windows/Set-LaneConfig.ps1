# Stops IIS, puts an applicationHost.config in its place and starts it again. The first time it keeps the machine's own beside it.

param(
    # The file to use; without it the machine's own comes back.
    [string]$Config = ''
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$live = Join-Path $env:SystemRoot 'System32\inetsrv\config\applicationHost.config'
$own = $live + '.before-ota-proxy-lane'

Stop-Service -Name 'W3SVC', 'WAS' -Force
if (-not (Test-Path -LiteralPath $own)) { Copy-Item -LiteralPath $live -Destination $own }
if ($Config) {
    Copy-Item -LiteralPath $Config -Destination $live -Force
} else {
    Copy-Item -LiteralPath $own -Destination $live -Force
    Remove-Item -LiteralPath $own
}
Start-Service -Name 'W3SVC'
