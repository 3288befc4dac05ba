# Prepares a Windows Server for the lane: the role, URL Rewrite 2.1, Application Request Routing 3, and a certificate for port 443.

param(
    # Folder for downloads and certificates.
    [Parameter(Mandatory = $true)][string]$Work,
    # PFX file made by tests.windows.prepare.
    [Parameter(Mandatory = $true)][string]$Pfx,
    # Port whose TLS connections get the certificate, whatever name they ask for.
    [int]$Port = 443,
    # Only the certificate: IIS Express brings its own modules.
    [switch]$CertificateOnly
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

# Addresses as in microsoft/winget-pkgs issues 184166 and 366584. URL Rewrite first: request routing needs it.
$installers = @(
    'https://download.microsoft.com/download/1/2/8/128E2E22-C1B9-44A4-BE2A-5859ED1D4592/rewrite_amd64_en-US.msi',
    'https://download.microsoft.com/download/E/9/8/E9849D6A-020E-47E4-9FD0-A023E99B54EB/requestRouter_amd64.msi'
)

function Install-LaneModule([string]$Address) {
    $file = Join-Path $Work (Split-Path -Leaf $Address)
    if (-not (Test-Path -LiteralPath $file)) { Invoke-WebRequest -Uri $Address -OutFile $file -UseBasicParsing }
    $done = Start-Process -FilePath 'msiexec' -ArgumentList '/i', $file, '/quiet', '/norestart' -Wait -PassThru
    if (@(0, 3010) -notcontains $done.ExitCode) { throw "$file ended with $($done.ExitCode)" }
}

$null = New-Item -ItemType Directory -Force -Path $Work
if (-not $CertificateOnly) {
    Install-WindowsFeature -Name 'Web-Server', 'Web-Http-Redirect', 'Web-IP-Security', 'Web-Scripting-Tools' | Out-Null
    foreach ($address in $installers) { Install-LaneModule $address }
}

$secret = ConvertTo-SecureString -String 'ota-proxy-lane' -AsPlainText -Force
$certificate = @(Import-PfxCertificate -FilePath $Pfx -CertStoreLocation 'Cert:\LocalMachine\My' -Password $secret)[0]
netsh http delete sslcert "ipport=0.0.0.0:$Port" | Out-Null   # there may be none
netsh http add sslcert "ipport=0.0.0.0:$Port" "certhash=$($certificate.Thumbprint)" 'appid={4dc3e181-e14b-4a21-b022-59fc669b0914}' 'certstorename=MY'
if ($LASTEXITCODE -ne 0) { throw "netsh could not give port $Port its certificate" }
