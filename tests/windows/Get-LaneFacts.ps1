# Prints as JSON what answers here: the build of Windows and the versions of the native modules of IIS (or of IIS Express).

param(
    # iis or iis-express.
    [string]$Server = 'iis'
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$windows = Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
$folder = Join-Path $env:SystemRoot 'System32\inetsrv'
if ($Server -eq 'iis-express') { $folder = Join-Path $env:ProgramFiles 'IIS Express' }

# Module by name in globalModules, and its file.
$files = @{
    'StaticFileModule' = 'static.dll'
    'RequestFilteringModule' = 'modrqflt.dll'
    'HttpRedirectionModule' = 'redirect.dll'
    'RewriteModule' = 'rewrite.dll'
}
$modules = @{}
foreach ($name in $files.Keys) {
    $path = Join-Path $folder $files[$name]
    if (Test-Path -LiteralPath $path) { $modules[$name] = (Get-Item -LiteralPath $path).VersionInfo.FileVersionRaw.ToString() }
}
$routing = Join-Path $env:ProgramFiles 'IIS\Application Request Routing\requestRouter.dll'
if (($Server -eq 'iis') -and (Test-Path -LiteralPath $routing)) {
    $modules['ApplicationRequestRouting'] = (Get-Item -LiteralPath $routing).VersionInfo.FileVersionRaw.ToString()
}

$build = '10.0.' + $windows.CurrentBuildNumber + '.' + $windows.UBR
@{ build = $build; product = $windows.ProductName; modules = $modules } | ConvertTo-Json -Depth 3
