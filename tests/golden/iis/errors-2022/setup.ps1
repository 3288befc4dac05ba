# Made by ota-proxy 0.1.0; edit the site and render again instead of editing this file.
# For iis 2022 with schannel, scope site,
# TLS guideline 6.0 intermediate.
# Command: ota-proxy render iis
#
# What this version cannot enforce:
#   - a method other than GET and HEAD is refused with 404.6 instead of 405
#   - URL Rewrite knows no 308: http is redirected with 301, after which a client may change the
#     method to GET
#   - the name in the TLS handshake is not compared with Host: a connection made for another site may
#     ask for this one
#   - cipher suites and versions belong to Windows, not to a site: setup.ps1 -Schannel sets them for
#     the whole machine
#   - the order of key exchange groups is left to Windows
#   - an application gets WebSocket requests wherever the feature WebSocket is installed, whatever its
#     websocket says
#
# What this file needs from the configuration around it:
#   - URL Rewrite 2.1 (2.0 does not know useOriginalURLEncoding and would answer 500.19)
#   - Application Request Routing 3, its proxy enabled for the server
#   - 403.html, 404.html in /srv/ota/errors & more
#   - setup.ps1, run as administrator beside web.config; IISAdministration 1.1 (Windows 2016:
#     Install-Module IISAdministration)
#   - a certificate in LocalMachine\My (-CertificateThumbprint), or a PFX file (-PfxPath,
#     -PfxPassword)
#
# Warnings:
#   - proxy settings count for every site of this server that proxies: see what else uses them before
#     setup.ps1
#
# Good to know:
#   - checked without Windows: this follows the documentation of IIS, no IIS has run it for this
#     rendering
#   - an upload to /api/ may have 1G, more is 413 (max_body)
#   - X-Forwarded-For ends with address:port of the peer; what a client sent in it stands before that
#   - /srv/ota is %SystemDrive%\srv\ota on Windows
#   - a PFX from the PEM files: openssl pkcs12 -export -in /etc/ssl/ota.pem -inkey /etc/ssl/ota.key
#     -out site.pfx
#   - folders with content need read permission for IIS AppPool\ota.example.com

#Requires -Version 5.1
#Requires -RunAsAdministrator
#
# Sets up the site in applicationHost.config, in one commit. Every step looks first and writes only what differs:
# a second run writes nothing. What was there before is kept for undo.ps1. -WhatIf shows the plan.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # Thumbprint of a certificate with its key in LocalMachine\My.
    [string]$CertificateThumbprint = '',
    # PFX file to import there instead, and its password.
    [string]$PfxPath = '',
    [securestring]$PfxPassword = $null,
    # Also set TLS versions and cipher suites, which counts for every service on this machine.
    [switch]$Schannel
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$OtaSite = 'ota.example.com'
$OtaStateFile = Join-Path (Join-Path $env:ProgramData 'ota-proxy') ($OtaSite + '.json')
$OtaSites = 'system.applicationHost/sites'
$OtaRecords = New-Object System.Collections.ArrayList
$OtaDelayed = $false

# Records: what setup.ps1 changes, and what was there before. Each is on disk before its change is made (those of the commit
# before the commit), so undo.ps1 knows of everything, however a run ended. It reads them from the last one to the first.

function ConvertTo-OtaTable($Value) {
    if ($Value -is [hashtable]) { return $Value }
    $table = @{}
    foreach ($property in $Value.PSObject.Properties) {
        $inner = $property.Value
        if ($inner -is [System.Management.Automation.PSCustomObject]) { $inner = ConvertTo-OtaTable $inner }
        $table[$property.Name] = $inner
    }
    return $table
}

function Read-OtaRecords {
    if (-not (Test-Path -LiteralPath $OtaStateFile)) { return }
    $state = Get-Content -LiteralPath $OtaStateFile -Raw -Encoding UTF8 | ConvertFrom-Json
    foreach ($record in $state.Records) { [void]$OtaRecords.Add((ConvertTo-OtaTable $record)) }
}

function Save-OtaRecords {
    $folder = Split-Path -Parent $OtaStateFile
    if ($OtaRecords.Count -gt 0) {
        $null = New-Item -ItemType Directory -Force -Path $folder
        @{ Site = $OtaSite; Records = $OtaRecords } | ConvertTo-Json -Depth 9 |
            Set-Content -LiteralPath $OtaStateFile -Encoding UTF8 -Confirm:$false
        return
    }
    if (Test-Path -LiteralPath $OtaStateFile) { Remove-Item -LiteralPath $OtaStateFile -Confirm:$false }
    if ((Test-Path -LiteralPath $folder) -and (@(Get-ChildItem -LiteralPath $folder -Force).Count -eq 0)) {
        Remove-Item -LiteralPath $folder -Confirm:$false
    }
}

function Add-OtaRecord([hashtable]$Record) {
    [void]$OtaRecords.Add($Record)
    if (-not $OtaDelayed) { Save-OtaRecords }
}

# An element of the configuration: a section, for the whole server or one location, then steps into it.
# A step is a named child or the entry of a collection with a key.

function Get-OtaSection([string]$Section, [string]$Location) {
    if ($Location) { return Get-IISConfigSection -SectionPath $Section -Location $Location }
    return Get-IISConfigSection -SectionPath $Section
}

function Find-OtaElement([string]$Section, [string]$Location, [object[]]$Steps) {
    $element = Get-OtaSection -Section $Section -Location $Location
    foreach ($entry in $Steps) {
        if ($null -eq $element) { return $null }
        $step = ConvertTo-OtaTable $entry
        if ($step.ContainsKey('Child')) {
            $element = Get-IISConfigElement -ConfigElement $element -ChildElementName $step['Child']
        } else {
            $where = @{ ConfigElement = $element }
            if ($step['In']) { $where['CollectionName'] = $step['In'] }
            $collection = Get-IISConfigCollection @where
            $element = Get-IISConfigCollectionElement -ConfigCollection $collection -ConfigAttribute (ConvertTo-OtaTable $step['Key'])
        }
    }
    return $element
}

# An attribute's value as text; of an enumeration its name, whichever of name and number IIS answers with.
function Get-OtaValue($Element, [string]$Name) {
    $value = Get-IISConfigAttributeValue -ConfigElement $Element -AttributeName $Name
    $schema = $Element.GetAttribute($Name).Schema
    if (($schema.Type -eq 'enum') -and ($value -isnot [string])) {
        foreach ($entry in $schema.GetEnumValues()) {
            if ($entry.Value -eq $value) { return $entry.Name }
        }
    }
    return [string]$value
}

# What a change may have made around itself: the section of a location, else the element that the steps lead to.
function Get-OtaHolder([string]$Section, [string]$Location, [object[]]$Steps) {
    if ($Location) { return Get-OtaSection -Section $Section -Location $Location }
    return Find-OtaElement -Section $Section -Location '' -Steps $Steps
}

function Get-OtaLocations {
    return (Get-IISServerManager).GetApplicationHostConfiguration().GetLocationPaths()
}

function Get-OtaBindingSteps([string]$Site, [string]$Information) {
    $key = @{ 'protocol' = 'https'; 'bindingInformation' = $Information }
    return @(@{ 'In' = ''; 'Key' = @{ 'name' = $Site } }, @{ 'In' = 'bindings'; 'Key' = $key })
}

# A binding with SslFlags and a certificate; one that is there is replaced. Without a certificate it is only configuration.
function Set-OtaTlsBinding([string]$Site, [string]$Information, [int]$SslFlags, [string]$Thumbprint, [string]$Store) {
    $place = Get-OtaBindingSteps -Site $Site -Information $Information
    if ($null -ne (Find-OtaElement -Section $OtaSites -Location '' -Steps $place)) {
        Remove-IISSiteBinding -Name $Site -BindingInformation $Information -Protocol https -Confirm:$false
    }
    $kind = [Microsoft.Web.Administration.SslFlags]
    $binding = @{ Name = $Site; BindingInformation = $Information; Protocol = 'https'; SslFlag = [Enum]::ToObject($kind, $SslFlags) }
    if ($Thumbprint) {
        $binding['CertificateThumbPrint'] = $Thumbprint
        $binding['CertStoreLocation'] = "Cert:\LocalMachine\$Store"
    }
    New-IISSiteBinding @binding
}

# Each of these writes only what differs, and keeps a record.

function Assert-OtaModule([string]$Name, [string]$Remedy) {
    $modules = Get-IISConfigSection -SectionPath 'system.webServer/globalModules' | Get-IISConfigCollection
    $module = Get-IISConfigCollectionElement -ConfigCollection $modules -ConfigAttribute @{ 'name' = $Name }
    if ($null -eq $module) { throw "IIS has no $Name here, which this site needs: $Remedy, then run setup.ps1 again." }
}

function Assert-OtaUnclaimed([string[]]$Sites, [string[]]$Bindings) {
    foreach ($site in (Get-IISConfigSection -SectionPath $OtaSites | Get-IISConfigCollection | Get-IISConfigCollectionElement)) {
        $name = Get-OtaValue -Element $site -Name 'name'
        if ($Sites -contains $name) { continue }
        foreach ($binding in @(Get-IISConfigCollection -ConfigElement $site -CollectionName 'bindings' | Get-IISConfigCollectionElement)) {
            $taken = (Get-OtaValue -Element $binding -Name 'protocol') + ' ' + (Get-OtaValue -Element $binding -Name 'bindingInformation')
            if ($Bindings -contains $taken) { throw "The site '$name' has the binding $taken already: remove it there, then run setup.ps1 again." }
        }
    }
}

function Add-OtaLocation([string]$Location) {
    if (($Location -eq '') -or ((Get-OtaLocations) -contains $Location)) { return }
    foreach ($record in $OtaRecords) {
        if (($record['Kind'] -eq 'location') -and ($record['Location'] -eq $Location)) { return }
    }
    Add-OtaRecord @{ Kind = 'location'; What = "location $Location"; Location = $Location }
}

function Get-OtaFresh([string]$Section, [string]$Location, [object[]]$Steps) {
    $holder = Get-OtaHolder -Section $Section -Location $Location -Steps $Steps
    return -not $holder.IsLocallyStored
}

# -Here: the value has to stand in this location, whatever the one around it says now.
function Set-OtaAttribute {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param(
        [string]$What, [string]$Section, [string]$Location, [object[]]$Steps = @(), [string]$Name, $Value,
        [bool]$Here = $false
    )
    $element = Find-OtaElement -Section $Section -Location $Location -Steps $Steps
    $old = $null
    $was = ''
    if ($null -ne $element) {
        $was = Get-OtaValue -Element $element -Name $Name
        if (($was -eq [string]$Value) -and ($element.IsLocallyStored -or -not $Here)) { return }
        $old = Get-IISConfigAttributeValue -ConfigElement $element -AttributeName $Name
    }
    if (-not $PSCmdlet.ShouldProcess($What, "set $Name to '$Value'")) { return }
    # A section that is not in this location yet only inherits, from the defaults or from around it.
    $fresh = Get-OtaFresh -Section $Section -Location $Location -Steps $Steps
    $inherits = $fresh -and ($Steps.Count -eq 0)
    $own = -not ($inherits -or $element.GetAttribute($Name).IsInheritedFromDefaultValue)
    Add-OtaLocation -Location $Location
    Add-OtaRecord @{
        Kind = 'attribute'; What = $What; Section = $Section; Location = $Location; Steps = $Steps
        Name = $Name; Own = $own; Old = $old; Was = $was; New = $Value; Fresh = $fresh
    }
    Set-IISConfigAttributeValue -ConfigElement $element -AttributeName $Name -AttributeValue $Value
}

function Add-OtaElement {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param(
        [string]$What, [string]$Section, [string]$Location, [object[]]$Steps = @(), [string]$In = '',
        [hashtable]$Key, [hashtable]$With = @{}, [hashtable]$New = @{}
    )
    $place = $Steps + @(@{ 'In' = $In; 'Key' = $Key })
    if ($null -ne (Find-OtaElement -Section $Section -Location $Location -Steps $place)) {
        foreach ($name in $With.Keys) {
            Set-OtaAttribute -What $What -Section $Section -Location $Location -Steps $place -Name $name -Value $With[$name]
        }
        return
    }
    if (-not $PSCmdlet.ShouldProcess($What, 'add')) { return }
    $where = @{ ConfigElement = (Find-OtaElement -Section $Section -Location $Location -Steps $Steps) }
    if ($In) { $where['CollectionName'] = $In }
    $collection = Get-IISConfigCollection @where
    Add-OtaLocation -Location $Location
    Add-OtaRecord @{
        Kind = 'element'; What = $What; Section = $Section; Location = $Location; Steps = $Steps; In = $In; Key = $Key
        Fresh = (Get-OtaFresh -Section $Section -Location $Location -Steps $Steps)
    }
    $null = New-IISConfigCollectionElement -ConfigCollection $collection -ConfigAttribute ($Key + $With + $New)
}

function Get-OtaSiteId {
    $highest = 0
    foreach ($site in (Get-IISConfigSection -SectionPath $OtaSites | Get-IISConfigCollection | Get-IISConfigCollectionElement)) {
        $id = Get-IISConfigAttributeValue -ConfigElement $site -AttributeName 'id'
        if ($id -gt $highest) { $highest = $id }
    }
    return $highest + 1
}

function Add-OtaTlsBinding {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string]$Site, [string]$Information, [int]$SslFlags, [int]$Certificate = 1)
    $place = Get-OtaBindingSteps -Site $Site -Information $Information
    $found = Find-OtaElement -Section $OtaSites -Location '' -Steps $place
    $wanted = $OtaThumbprints[$Certificate - 1]
    $store = 'My'
    $old = @{ Found = $false; Thumbprint = ''; Store = ''; SslFlags = 0 }
    if ($null -ne $found) {
        $old['Found'] = $true
        $old['Thumbprint'] = Get-OtaValue -Element $found -Name 'certificateHash'
        $old['Store'] = Get-OtaValue -Element $found -Name 'certificateStoreName'
        $old['SslFlags'] = [int](Get-OtaValue -Element $found -Name 'sslFlags')
        if ($wanted -eq '') { $wanted = $old['Thumbprint'] }
        if ($wanted -eq $old['Thumbprint']) {
            if ($wanted -and ($old['SslFlags'] -eq $SslFlags)) { return }
            if ($wanted) { $store = $old['Store'] }
        }
    }
    if (($wanted -eq '') -and -not $WhatIfPreference) {
        throw "The binding $Information needs a certificate: give -CertificateThumbprint or -PfxPath."
    }
    if (-not $PSCmdlet.ShouldProcess("binding $Information", "use the certificate $wanted")) { return }
    Add-OtaRecord @{
        Kind = 'binding'; What = "binding $Information"; Site = $Site; Information = $Information; Old = $old; New = $wanted
    }
    Set-OtaTlsBinding -Site $Site -Information $Information -SslFlags $SslFlags -Thumbprint $wanted -Store $store
}

function Import-OtaCertificate {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string]$Thumbprint, [string]$Path)
    if ($Thumbprint) {
        $wanted = ($Thumbprint -replace '[^0-9A-Fa-f]', '').ToUpperInvariant()
        if (-not (Test-Path -LiteralPath "Cert:\LocalMachine\My\$wanted")) {
            throw "LocalMachine\My has no certificate ${wanted}: import it there, or give -PfxPath."
        }
        return $wanted
    }
    if (-not $Path) { return '' }
    $secret = @{}
    if ($null -ne $PfxPassword) { $secret['Password'] = $PfxPassword }
    $wanted = (Get-PfxData -FilePath $Path @secret).EndEntityCertificates[0].Thumbprint
    if (Test-Path -LiteralPath "Cert:\LocalMachine\My\$wanted") { return $wanted }
    if ($PSCmdlet.ShouldProcess($Path, 'import into LocalMachine\My')) {
        Add-OtaRecord @{ Kind = 'certificate'; What = "certificate $wanted"; New = $wanted }
        $null = Import-PfxCertificate -FilePath $Path -CertStoreLocation 'Cert:\LocalMachine\My' -Confirm:$false @secret
    }
    return $wanted
}

function Add-OtaFolder {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string]$Path)
    $full = [Environment]::ExpandEnvironmentVariables($Path)
    if (Test-Path -LiteralPath $full -PathType Container) { return }
    $above = Split-Path -Parent $full
    if ($above) { Add-OtaFolder -Path $above }
    if (-not $PSCmdlet.ShouldProcess($full, 'make the folder')) { return }
    Add-OtaRecord @{ Kind = 'folder'; What = "folder $full"; New = $full }
    $null = [System.IO.Directory]::CreateDirectory($full)
}

function Test-OtaFolder([string]$Path) {
    $full = [Environment]::ExpandEnvironmentVariables($Path)
    if (-not (Test-Path -LiteralPath $full -PathType Container)) {
        Write-Warning "The folder $full does not exist yet: make it and put the files there."
    }
}

function Copy-OtaWebConfig {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string]$Folder)
    $source = Join-Path $PSScriptRoot 'web.config'
    $target = Join-Path ([Environment]::ExpandEnvironmentVariables($Folder)) 'web.config'
    if (-not (Test-Path -LiteralPath $source)) { throw "There is no web.config beside setup.ps1: keep the rendered files together." }
    $new = [System.IO.File]::ReadAllText($source)
    $old = $null
    if (Test-Path -LiteralPath $target) { $old = [System.IO.File]::ReadAllText($target) }
    if ($old -ceq $new) { return }
    if (($null -ne $old) -and -not $old.Contains('Made by ota-proxy')) {
        throw "$target was not made by ota-proxy: move it away, then run setup.ps1 again."
    }
    Add-OtaFolder -Path (Split-Path -Parent $target)
    if (-not $PSCmdlet.ShouldProcess($target, 'write')) { return }
    Add-OtaRecord @{ Kind = 'file'; What = $target; New = $new; Old = $old }
    [System.IO.File]::WriteAllText($target, $new)
}

function Set-OtaProtocol {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string]$Name, [bool]$Enabled)
    $path = "HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\$Name\Server"
    Set-OtaRegistryValue -Path $path -Name 'Enabled' -Value ([int]$Enabled)
    Set-OtaRegistryValue -Path $path -Name 'DisabledByDefault' -Value ([int](-not $Enabled))
}

function Add-OtaRegistryKey([string]$Path) {
    if (Test-Path -LiteralPath $Path) { return }
    Add-OtaRegistryKey -Path (Split-Path -Parent $Path)
    Add-OtaRecord @{ Kind = 'key'; What = $Path; New = $Path }
    $null = New-Item -Path $Path -Confirm:$false
}

function Set-OtaRegistryValue {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string]$Path, [string]$Name, [int]$Value)
    $old = $null
    if (Test-Path -LiteralPath $Path) { $old = (Get-Item -LiteralPath $Path).GetValue($Name) }
    if (($null -ne $old) -and ($old -eq $Value)) { return }
    if (-not $PSCmdlet.ShouldProcess($Path, "set $Name to $Value")) { return }
    Add-OtaRegistryKey -Path $Path
    Add-OtaRecord @{ Kind = 'registry'; What = "$Path $Name"; Path = $Path; Name = $Name; Old = $old; New = $Value }
    $null = New-ItemProperty -LiteralPath $Path -Name $Name -Value $Value -PropertyType DWord -Force -Confirm:$false
}

function Get-OtaCipherSuites {
    return @(Get-TlsCipherSuite | ForEach-Object { $_.Name })
}

# Which suites this Windows knows shows only when they are enabled: here the records follow their changes.
function Set-OtaCipherSuites {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string[]]$Wanted)
    $before = @(Get-OtaCipherSuites)
    $added = @()
    $removed = @()
    try {
        foreach ($suite in @($Wanted | Where-Object { $before -notcontains $_ })) {
            if (-not $PSCmdlet.ShouldProcess($suite, 'enable the cipher suite')) { continue }
            try {
                Enable-TlsCipherSuite -Name $suite -Confirm:$false
                $added += $suite
            } catch {
                Write-Verbose "This Windows does not know the cipher suite ${suite}: left out."
            }
        }
        $usable = @(@(Get-OtaCipherSuites) | Where-Object { $Wanted -contains $_ })
        if (($usable.Count -eq 0) -and -not $WhatIfPreference) {
            throw 'This Windows knows none of the cipher suites: nothing was disabled.'
        }
        foreach ($suite in @($before | Where-Object { $Wanted -notcontains $_ })) {
            if (-not $PSCmdlet.ShouldProcess($suite, 'disable the cipher suite')) { continue }
            Disable-TlsCipherSuite -Name $suite -Confirm:$false
            $removed += $suite
        }
    } finally {
        if ($added.Count + $removed.Count -gt 0) {
            Add-OtaRecord @{ Kind = 'ciphers'; What = 'cipher suites'; Old = $before; Added = $added; Removed = $removed }
        }
    }
}

# ----------------------------------------------------------------------
# | Checks                                                             |
# ----------------------------------------------------------------------

if (-not (Get-Module -ListAvailable -Name IISAdministration)) {
    throw 'IISAdministration is missing: run Install-WindowsFeature Web-Server, Web-Scripting-Tools, then setup.ps1 again.'
}
Import-Module IISAdministration
if (-not (Get-Command -Name New-IISSiteBinding -ErrorAction SilentlyContinue)) {
    throw 'IISAdministration is older than 1.1: run Install-Module IISAdministration, open a new window, then run setup.ps1 again.'
}
Assert-OtaModule -Name 'StaticFileModule' -Remedy 'run Install-WindowsFeature Web-Static-Content'
Assert-OtaModule -Name 'RequestFilteringModule' -Remedy 'run Install-WindowsFeature Web-Filtering'
Assert-OtaModule -Name 'RewriteModule' -Remedy 'install URL Rewrite 2.1'
Assert-OtaModule -Name 'ApplicationRequestRouting' -Remedy 'install Application Request Routing 3'
Assert-OtaUnclaimed -Sites @('ota.example.com') -Bindings @('http *:80:ota.example.com', 'https *:443:ota.example.com')
try {
    $null = Get-IISConfigSection -SectionPath 'system.webServer/rewrite/rules' | Get-IISConfigAttributeValue -AttributeName 'useOriginalURLEncoding'
} catch {
    throw 'URL Rewrite is older than 2.1: install URL Rewrite 2.1, then run setup.ps1 again.'
}

Read-OtaRecords

# ----------------------------------------------------------------------
# | Certificate, folders and web.config                                |
# ----------------------------------------------------------------------

$OtaThumbprints = @(Import-OtaCertificate -Thumbprint $CertificateThumbprint -Path $PfxPath)
Add-OtaFolder -Path '%SystemDrive%\var\www\acme\.well-known\acme-challenge'
Test-OtaFolder -Path '%SystemDrive%\srv\ota'
Copy-OtaWebConfig -Folder '%SystemDrive%\srv\ota'

# ----------------------------------------------------------------------
# | applicationHost.config, in one commit                              |
# ----------------------------------------------------------------------

$kept = $OtaRecords.Count
Start-IISCommitDelay
$OtaDelayed = $true
try {

    # Application pool and site
    # A pool of its own without managed code: nothing of this site runs .NET.
    Add-OtaElement -What 'application pool ota.example.com' -Section 'system.applicationHost/applicationPools' -Key @{ 'name' = 'ota.example.com' } -With @{ 'managedRuntimeVersion' = '' }
    Add-OtaElement -What 'site ota.example.com' -Section 'system.applicationHost/sites' -Key @{ 'name' = 'ota.example.com' } -New @{ 'id' = (Get-OtaSiteId) }
    Add-OtaElement -What 'root application of ota.example.com' -Section 'system.applicationHost/sites' -Key @{ 'path' = '/' } -Steps @(@{ 'In' = ''; 'Key' = @{ 'name' = 'ota.example.com' } }) -With @{ 'applicationPool' = 'ota.example.com' }
    Add-OtaElement -What 'folder of /' -Section 'system.applicationHost/sites' -Key @{ 'path' = '/' } -Steps @(@{ 'In' = ''; 'Key' = @{ 'name' = 'ota.example.com' } }, @{ 'In' = ''; 'Key' = @{ 'path' = '/' } }) -With @{ 'physicalPath' = '%SystemDrive%\srv\ota' }

    # Bindings
    # By name only: what nobody bound is answered by Windows, not by this site.
    # SslFlags: 1 asks for the name in the handshake (SNI), 64 refuses TLS 1.0 and 1.1.
    Add-OtaElement -What 'binding *:80:ota.example.com' -Section 'system.applicationHost/sites' -Key @{ 'protocol' = 'http'; 'bindingInformation' = '*:80:ota.example.com' } -Steps @(@{ 'In' = ''; 'Key' = @{ 'name' = 'ota.example.com' } }) -In 'bindings'
    Add-OtaTlsBinding -Site 'ota.example.com' -Information '*:443:ota.example.com' -SslFlags 65

    # ACME challenges over http
    # Their names have no extension, which IIS maps as '.'.
    Add-OtaElement -What 'folder of /.well-known/acme-challenge' -Section 'system.applicationHost/sites' -Key @{ 'path' = '/.well-known/acme-challenge' } -Steps @(@{ 'In' = ''; 'Key' = @{ 'name' = 'ota.example.com' } }, @{ 'In' = ''; 'Key' = @{ 'path' = '/' } }) -With @{ 'physicalPath' = '%SystemDrive%\var\www\acme\.well-known\acme-challenge' }
    Add-OtaElement -What 'media type of ACME challenges' -Section 'system.webServer/staticContent' -Key @{ 'fileExtension' = '.' } -Location 'ota.example.com/.well-known/acme-challenge' -With @{ 'mimeType' = 'text/plain' }

    # Proxy
    # Server variables that the rules of web.config may set, for this site.
    # The proxy section counts for the whole server: applications get the device's Host, and their
    # redirects go out as they wrote them.
    Add-OtaElement -What 'server variable HTTP_X_FORWARDED_PROTO' -Section 'system.webServer/rewrite/allowedServerVariables' -Key @{ 'name' = 'HTTP_X_FORWARDED_PROTO' } -Location 'ota.example.com'
    Add-OtaElement -What 'server variable HTTP_X_FORWARDED_HOST' -Section 'system.webServer/rewrite/allowedServerVariables' -Key @{ 'name' = 'HTTP_X_FORWARDED_HOST' } -Location 'ota.example.com'
    Add-OtaElement -What 'server variable HTTP_X_FORWARDED_PORT' -Section 'system.webServer/rewrite/allowedServerVariables' -Key @{ 'name' = 'HTTP_X_FORWARDED_PORT' } -Location 'ota.example.com'
    Set-OtaAttribute -What 'proxy preserveHostHeader' -Section 'system.webServer/proxy' -Name 'preserveHostHeader' -Value $true
    Set-OtaAttribute -What 'proxy reverseRewriteHostInResponseHeaders' -Section 'system.webServer/proxy' -Name 'reverseRewriteHostInResponseHeaders' -Value $false
    Set-OtaAttribute -What 'proxy enabled' -Section 'system.webServer/proxy' -Name 'enabled' -Value $true

    if ($OtaRecords.Count -gt $kept) { Save-OtaRecords }
    $OtaDelayed = $false
    Stop-IISCommitDelay -Commit ($OtaRecords.Count -gt $kept)
} catch {
    if ($OtaDelayed) { Stop-IISCommitDelay -Commit $false }
    if ($OtaRecords.Count -gt $kept) {
        $OtaRecords.RemoveRange($kept, $OtaRecords.Count - $kept)
        Save-OtaRecords
    }
    throw
}

# ----------------------------------------------------------------------
# | TLS of the whole machine, only with -Schannel                      |
# ----------------------------------------------------------------------

# Counts for every service; versions take effect after a restart of Windows.
if ($Schannel) {
    try {
        Set-OtaProtocol -Name 'SSL 2.0' -Enabled $false
        Set-OtaProtocol -Name 'SSL 3.0' -Enabled $false
        Set-OtaProtocol -Name 'TLS 1.0' -Enabled $false
        Set-OtaProtocol -Name 'TLS 1.1' -Enabled $false
        Set-OtaProtocol -Name 'TLS 1.2' -Enabled $true
        Set-OtaCipherSuites -Wanted @('TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256')
    } catch {
        Save-OtaRecords
        throw
    }
}
