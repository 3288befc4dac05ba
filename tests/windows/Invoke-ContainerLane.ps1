# Builds compose/iis.Dockerfile and serves a rendered site from it, as compose/iis.yml does; then an install is walked from outside.
# Needs Windows containers. Run from the checkout:
#
#   powershell -ExecutionPolicy Bypass -File tests\windows\Invoke-ContainerLane.ps1 -Release ltsc2022

param(
    # Which image: ltsc2019, ltsc2022 or ltsc2025; it has to fit this Windows.
    [string]$Release = 'ltsc2022',
    # Folder for everything that is made.
    [string]$Work = 'C:\ota-container'
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$image = "mcr.microsoft.com/windows/servercore/iis:windowsservercore-$Release"
$modules = Join-Path $Work 'modules'
$builds = Join-Path $Work 'builds'
$null = New-Item -ItemType Directory -Force -Path $modules

python -m tests.windows.prepare $Work
if ($LASTEXITCODE -ne 0) { throw "tests.windows.prepare ended with $LASTEXITCODE" }

# Addresses as in microsoft/winget-pkgs issues 184166 and 366584.
foreach ($address in @(
        'https://download.microsoft.com/download/1/2/8/128E2E22-C1B9-44A4-BE2A-5859ED1D4592/rewrite_amd64_en-US.msi',
        'https://download.microsoft.com/download/E/9/8/E9849D6A-020E-47E4-9FD0-A023E99B54EB/requestRouter_amd64.msi'
    )) {
    Invoke-WebRequest -Uri $address -OutFile (Join-Path $modules (Split-Path -Leaf $address)) -UseBasicParsing
}
docker build --tag ota-proxy-iis --build-arg "IMAGE=$image" --file compose\iis.Dockerfile $modules
if ($LASTEXITCODE -ne 0) { throw "docker build ended with $LASTEXITCODE" }

$rendered = Join-Path $Work 'rendered\static-2022'
$start = "`$ErrorActionPreference = 'Stop'; `$word = ConvertTo-SecureString 'ota-proxy-lane' -AsPlainText -Force; " +
    "& C:\ota-proxy\setup.ps1 -PfxPath C:\certs\site.pfx -PfxPassword `$word; & C:\ServiceMonitor.exe w3svc"
docker run --detach --name ota-proxy-lane --publish 127.0.0.1:443:443 --publish 127.0.0.1:80:80 --volume "${rendered}:C:\ota-proxy" --volume "${builds}:C:\srv\ota" --volume "${Work}:C:\certs:ro" --entrypoint powershell ota-proxy-iis -NoProfile -ExecutionPolicy Bypass -Command $start
if ($LASTEXITCODE -ne 0) { throw "docker run ended with $LASTEXITCODE" }

try {
    $code = 1
    for ($attempt = 0; $attempt -lt 60; $attempt++) {
        docker exec ota-proxy-lane powershell -NoProfile -Command "(New-Object Net.Sockets.TcpClient).Connect('127.0.0.1', 443)"
        $code = $LASTEXITCODE
        if ($code -eq 0) { break }
        Start-Sleep -Seconds 2
    }
    if ($code -ne 0) { throw 'nothing listens on port 443 of the container' }
    foreach ($section in 'staticContent', 'httpProtocol', 'security/requestFiltering', 'rewrite/rules', 'rewrite/outboundRules') {
        docker exec ota-proxy-lane C:\Windows\System32\inetsrv\appcmd.exe list config ota.example.com "-section:system.webServer/$section"
        if ($LASTEXITCODE -ne 0) { throw "appcmd refuses system.webServer/$section" }
    }
    python -m ota_proxy check https://ota.example.com/app.plist --resolve ota.example.com:443:127.0.0.1 --ca (Join-Path $Work 'ca.pem')
    if ($LASTEXITCODE -ne 0) { throw "the walk ended with $LASTEXITCODE" }
} finally {
    docker logs ota-proxy-lane
    docker rm --force ota-proxy-lane
}
