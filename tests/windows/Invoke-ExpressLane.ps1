# The light lane: IIS Express (part of Visual Studio), for static files, redirects, rewriting and HSTS by rule. It has no request routing.
# Run from the checkout; an administrator is needed only for the certificate of port 44300.
#
#   powershell -ExecutionPolicy Bypass -File tests\windows\Invoke-ExpressLane.ps1

param(
    # Folder for everything that is made.
    [string]$Work = 'C:\ota-express',
    # Where the answers go.
    [string]$Output = 'tests\windows\iis-recorded.json'
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$base = Join-Path $env:ProgramFiles 'IIS Express\config\templates\PersonalWebServer\applicationhost.config'
if (-not (Test-Path -LiteralPath $base)) { throw 'IIS Express is not installed: it comes with Visual Studio, or from Microsoft alone.' }

$null = New-Item -ItemType Directory -Force -Path $Work
python -m tests.windows.prepare $Work
if ($LASTEXITCODE -ne 0) { throw "tests.windows.prepare ended with $LASTEXITCODE" }
& (Join-Path $PSScriptRoot 'Install-Lane.ps1') -Work $Work -Pfx (Join-Path $Work 'site.pfx') -Port 44300 -CertificateOnly

python -m tests.windows.record --server iis-express --work $Work --base $base --ca (Join-Path $Work 'ca.pem') --output $Output
if ($LASTEXITCODE -ne 0) { throw "tests.windows.record ended with $LASTEXITCODE" }
