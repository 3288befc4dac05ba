# Made by ota-proxy 0.1.0: the functions of setup.ps1 and undo.ps1, the same file for every site.
#
# Runs in Windows PowerShell 5.1 and in PowerShell 7, as administrator. Importing it changes nothing. The scripts ask for exactly
# this version (the first line) and name what they want; how it is done, recorded and taken back stands here.

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$OtaSites = 'system.applicationHost/sites'
$OtaPools = 'system.applicationHost/applicationPools'
$OtaSite = ''
$OtaStateFile = ''
$OtaRecords = New-Object System.Collections.ArrayList
$OtaKept = 0
$OtaDelayed = $false

# ----------------------------------------------------------------------
# | A run                                                              |
# ----------------------------------------------------------------------

# Begins a run for one site. A module sees the preferences of the session, never those of the script that calls it: they are handed
# over, or -WhatIf would write.
function Start-OtaRun([string]$Site, [hashtable]$Preference) {
    $script:WhatIfPreference = [bool]$Preference['WhatIf']
    $script:ConfirmPreference = $Preference['Confirm']
    $script:VerbosePreference = $Preference['Verbose']
    $script:OtaSite = $Site
    $script:OtaStateFile = Join-Path (Join-Path $env:ProgramData 'ota-proxy') ($Site + '.json')
    $script:OtaRecords = New-Object System.Collections.ArrayList
    $script:OtaKept = 0
    $script:OtaDelayed = $false
    if (-not (Get-Module -ListAvailable -Name IISAdministration)) {
        throw 'IISAdministration is missing: run Install-WindowsFeature Web-Server, Web-Scripting-Tools, then this script again.'
    }
    Import-Module -Name IISAdministration
    if (-not (Get-Command -Name New-IISSiteBinding -ErrorAction SilentlyContinue)) {
        throw 'IISAdministration is older than 1.1: run Install-Module IISAdministration, open a new window, then run this script again.'
    }
    Read-OtaRecords
}

# Everything until Complete-OtaCommit becomes one change of applicationHost.config; Stop-OtaCommit drops it, with its records.
function Start-OtaCommit {
    $script:OtaKept = $OtaRecords.Count
    Start-IISCommitDelay
    $script:OtaDelayed = $true
}

function Complete-OtaCommit {
    $changed = $OtaRecords.Count -gt $OtaKept
    if ($changed) { Save-OtaRecords }
    $script:OtaDelayed = $false
    Stop-IISCommitDelay -Commit $changed
}

function Stop-OtaCommit {
    if ($OtaDelayed) { Stop-IISCommitDelay -Commit $false }
    $script:OtaDelayed = $false
    if ($OtaRecords.Count -gt $OtaKept) {
        $OtaRecords.RemoveRange($OtaKept, $OtaRecords.Count - $OtaKept)
        Save-OtaRecords
    }
}

# ----------------------------------------------------------------------
# | Records                                                            |
# ----------------------------------------------------------------------

# What setup.ps1 changes, and what was there before. Each is on disk before its change is made (those of the commit
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

# ----------------------------------------------------------------------
# | Elements of the configuration                                      |
# ----------------------------------------------------------------------

# An element is found by its section, for the whole server or one location, and by steps into it: a step is a named child or the entry of a collection with a key.

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

# ----------------------------------------------------------------------
# | Checks, before anything is written                                 |
# ----------------------------------------------------------------------

function Assert-OtaModule([string]$Name, [string]$Remedy) {
    $modules = Get-IISConfigSection -SectionPath 'system.webServer/globalModules' | Get-IISConfigCollection
    $module = Get-IISConfigCollectionElement -ConfigCollection $modules -ConfigAttribute @{ 'name' = $Name }
    if ($null -eq $module) { throw "IIS has no $Name here, which this site needs: $Remedy, then run setup.ps1 again." }
}

# URL Rewrite 2.0 has no such attribute, and answers 500.19 to a web.config that sets it.
function Assert-OtaRewrite {
    try {
        $null = Get-IISConfigSection -SectionPath 'system.webServer/rewrite/rules' | Get-IISConfigAttributeValue -AttributeName 'useOriginalURLEncoding'
    } catch {
        throw 'URL Rewrite is older than 2.1: install URL Rewrite 2.1, then run setup.ps1 again.'
    }
}

function Assert-OtaHsts {
    try {
        $null = Get-IISConfigSection -SectionPath $OtaSites | Get-IISConfigElement -ChildElementName 'siteDefaults' | Get-IISConfigElement -ChildElementName 'hsts'
    } catch {
        throw 'This Windows is older than version 1709 and cannot send Strict-Transport-Security itself: render again with --server-version 2016.'
    }
}

# As many certificates as the site has, or none where they are bound already.
function Assert-OtaCertificateCount([string[]]$Thumbprint, [string[]]$Path, [int]$Count) {
    $thumbprints = @($Thumbprint | Where-Object { $_ })
    $paths = @($Path | Where-Object { $_ })
    if ((@(0, $Count) -contains $thumbprints.Count) -and (@(0, $Count) -contains $paths.Count)) { return }
    throw "The number of certificates for this site is ${Count}: give all of them, in the order that the comment on the parameters has."
}

# No other site has one of these bindings: two such sites cannot run, and they would share a certificate.
function Assert-OtaUnclaimed([string[]]$Sites, [string[]]$Http, [string[]]$Https) {
    $wanted = @(@($Http | ForEach-Object { "http $_" }) + @($Https | ForEach-Object { "https $_" }))
    foreach ($site in (Get-IISConfigSection -SectionPath $OtaSites | Get-IISConfigCollection | Get-IISConfigCollectionElement)) {
        $name = Get-OtaValue -Element $site -Name 'name'
        if ($Sites -contains $name) { continue }
        foreach ($binding in @(Get-IISConfigCollection -ConfigElement $site -CollectionName 'bindings' | Get-IISConfigCollectionElement)) {
            $taken = (Get-OtaValue -Element $binding -Name 'protocol') + ' ' + (Get-OtaValue -Element $binding -Name 'bindingInformation')
            if ($wanted -contains $taken) { throw "The site '$name' has the binding $taken already: remove it there, then run setup.ps1 again." }
        }
    }
}

# ----------------------------------------------------------------------
# | applicationHost.config                                             |
# ----------------------------------------------------------------------

# Each of these looks first, writes only what differs, and keeps a record.

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

# The application pool: without managed code, as nothing of a site of ours runs .NET.
function Add-OtaPool([string]$Name, [int]$QueueLength = 0) {
    $with = @{ 'managedRuntimeVersion' = '' }
    if ($QueueLength -gt 0) { $with['queueLength'] = $QueueLength }
    Add-OtaElement -What "application pool $Name" -Section $OtaPools -Key @{ 'name' = $Name } -With $with
}

function Add-OtaSite([string]$Site, [string]$Pool, [string]$Folder) {
    $steps = @(@{ 'In' = ''; 'Key' = @{ 'name' = $Site } })
    Add-OtaElement -What "site $Site" -Section $OtaSites -Key @{ 'name' = $Site } -New @{ 'id' = (Get-OtaSiteId) }
    Add-OtaElement -What "root application of $Site" -Section $OtaSites -Steps $steps -Key @{ 'path' = '/' } -With @{ 'applicationPool' = $Pool }
    Add-OtaDirectory -Site $Site -Path '/' -Folder $Folder
}

# A virtual directory of the root application: the folder behind a path.
function Add-OtaDirectory([string]$Site, [string]$Path, [string]$Folder) {
    $steps = @(@{ 'In' = ''; 'Key' = @{ 'name' = $Site } }, @{ 'In' = ''; 'Key' = @{ 'path' = '/' } })
    Add-OtaElement -What "folder of $Path" -Section $OtaSites -Steps $steps -Key @{ 'path' = $Path } -With @{ 'physicalPath' = $Folder }
}

function Add-OtaHttpBinding([string]$Site, [string[]]$Bindings) {
    $steps = @(@{ 'In' = ''; 'Key' = @{ 'name' = $Site } })
    foreach ($information in $Bindings) {
        $key = @{ 'protocol' = 'http'; 'bindingInformation' = $information }
        Add-OtaElement -What "binding $information" -Section $OtaSites -Steps $steps -In 'bindings' -Key $key
    }
}

# Another https binding of the site with the same name and port: http.sys keeps one certificate for both, whatever their addresses.
function Find-OtaSharing([string]$Site, [string]$Information) {
    $address = '^.*:(?=[^:]*:[^:]*$)'
    $element = Find-OtaElement -Section $OtaSites -Location '' -Steps @(@{ 'In' = ''; 'Key' = @{ 'name' = $Site } })
    foreach ($binding in @(Get-IISConfigCollection -ConfigElement $element -CollectionName 'bindings' | Get-IISConfigCollectionElement)) {
        $other = Get-OtaValue -Element $binding -Name 'bindingInformation'
        if ((Get-OtaValue -Element $binding -Name 'protocol') -ne 'https') { continue }
        if (($other -eq $Information) -or (($other -replace $address, '') -ne ($Information -replace $address, ''))) { continue }
        $thumbprint = Get-OtaValue -Element $binding -Name 'certificateHash'
        $store = Get-OtaValue -Element $binding -Name 'certificateStoreName'
        return @{ Information = $other; Thumbprint = $thumbprint; Store = $store; SslFlags = [int](Get-OtaValue -Element $binding -Name 'sslFlags') }
    }
    return @{ Information = ''; Thumbprint = ''; Store = ''; SslFlags = 0 }
}

# The certificate of a binding that is there already stays where none is given.
function Add-OtaHttpsBinding {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string]$Site, [string[]]$Bindings, [int]$SslFlags, [string[]]$Thumbprints, [int]$Certificate = 1)
    foreach ($information in $Bindings) {
        $place = Get-OtaBindingSteps -Site $Site -Information $information
        $found = Find-OtaElement -Section $OtaSites -Location '' -Steps $place
        $wanted = ''
        if ($Thumbprints.Count -ge $Certificate) { $wanted = $Thumbprints[$Certificate - 1] }
        $store = 'My'
        $old = @{ Found = $false; Thumbprint = ''; Store = ''; SslFlags = 0 }
        if ($null -ne $found) {
            $old['Found'] = $true
            $old['Thumbprint'] = Get-OtaValue -Element $found -Name 'certificateHash'
            $old['Store'] = Get-OtaValue -Element $found -Name 'certificateStoreName'
            $old['SslFlags'] = [int](Get-OtaValue -Element $found -Name 'sslFlags')
            if ($wanted -eq '') { $wanted = $old['Thumbprint'] }
            if ($wanted -eq $old['Thumbprint']) {
                if ($wanted -and ($old['SslFlags'] -eq $SslFlags)) { continue }
                if ($wanted) { $store = $old['Store'] }
            }
        }
        if (($wanted -eq '') -and -not $WhatIfPreference) {
            throw "The binding $information needs a certificate: give -CertificateThumbprint or -PfxPath."
        }
        if (-not $PSCmdlet.ShouldProcess("binding $information", "use the certificate $wanted")) { continue }
        $sharing = Find-OtaSharing -Site $Site -Information $information
        Add-OtaRecord @{
            Kind = 'binding'; What = "binding $information"; Site = $Site; Information = $information; Old = $old; New = $wanted; Sharing = $sharing
        }
        Set-OtaTlsBinding -Site $Site -Information $information -SslFlags $SslFlags -Thumbprint $wanted -Store $store
    }
}

# Attributes of one section, in their order. -Here as for Set-OtaAttribute.
function Set-OtaSection([string]$What, [string]$Section, [string]$Location = '', $Values, [bool]$Here = $false) {
    foreach ($name in $Values.Keys) {
        $given = @{ What = "$What, $name"; Section = $Section; Location = $Location; Name = $name; Value = $Values[$name]; Here = $Here }
        Set-OtaAttribute @given
    }
}

# IIS itself sends Strict-Transport-Security, on https answers only. Its own redirect stays off: it ignores ports and ACME.
function Set-OtaHsts([string]$Site, [int]$MaxAge, [bool]$IncludeSubDomains, [bool]$Preload) {
    $given = @{ What = 'Strict-Transport-Security'; Section = $OtaSites }
    $given['Steps'] = @(@{ 'In' = ''; 'Key' = @{ 'name' = $Site } }, @{ 'Child' = 'hsts' })
    Set-OtaAttribute @given -Name 'max-age' -Value $MaxAge
    Set-OtaAttribute @given -Name 'includeSubDomains' -Value $IncludeSubDomains
    Set-OtaAttribute @given -Name 'preload' -Value $Preload
    Set-OtaAttribute @given -Name 'redirectHttpToHttps' -Value $false
    Set-OtaAttribute @given -Name 'enabled' -Value $true
}

function Add-OtaMediaType([string]$Location, [string]$Extension, [string]$Type) {
    $key = @{ 'fileExtension' = $Extension }
    Add-OtaElement -What "media type of $Extension" -Section 'system.webServer/staticContent' -Location $Location -Key $key -With @{ 'mimeType' = $Type }
}

# A server variable that the rules of this site's web.config may set.
function Add-OtaServerVariable([string]$Site, [string]$Name) {
    Add-OtaElement -What "server variable $Name" -Section 'system.webServer/rewrite/allowedServerVariables' -Location $Site -Key @{ 'name' = $Name }
}

function Add-OtaNetwork([string]$Site, [string]$Address, [string]$Mask, [bool]$Allowed) {
    $key = @{ 'ipAddress' = $Address; 'subnetMask' = $Mask }
    Add-OtaElement -What "network $Address $Mask" -Section 'system.webServer/security/ipSecurity' -Location $Site -Key $key -With @{ 'allowed' = $Allowed }
}

# ----------------------------------------------------------------------
# | Certificates, folders and files                                    |
# ----------------------------------------------------------------------

# The thumbprints of the certificates that were given, in their order; none where none was.
function Import-OtaCertificates([string[]]$Thumbprint, [string[]]$Path, [securestring]$Password) {
    foreach ($one in @($Thumbprint | Where-Object { $_ })) { Import-OtaCertificate -Thumbprint $one }
    if (@($Thumbprint | Where-Object { $_ }).Count -gt 0) { return }
    foreach ($one in @($Path | Where-Object { $_ })) { Import-OtaCertificate -Path $one -Password $Password }
}

function Import-OtaCertificate {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string]$Thumbprint, [string]$Path, [securestring]$Password)
    if ($Thumbprint) {
        $wanted = ($Thumbprint -replace '[^0-9A-Fa-f]', '').ToUpperInvariant()
        if (-not (Test-Path -LiteralPath "Cert:\LocalMachine\My\$wanted")) {
            throw "LocalMachine\My has no certificate ${wanted}: import it there, or give -PfxPath."
        }
        return $wanted
    }
    $secret = @{}
    if ($null -ne $Password) { $secret['Password'] = $Password }
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
    param([string]$Source, [string]$Folder)
    $target = Join-Path ([Environment]::ExpandEnvironmentVariables($Folder)) 'web.config'
    if (-not (Test-Path -LiteralPath $Source)) { throw "There is no web.config beside setup.ps1: keep the rendered files together." }
    $new = [System.IO.File]::ReadAllText($Source)
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

# ----------------------------------------------------------------------
# | TLS of the whole machine                                           |
# ----------------------------------------------------------------------

# Versions take effect after a restart of Windows.
function Set-OtaSchannel([string[]]$Enabled, [string[]]$Disabled, [string[]]$CipherSuites) {
    try {
        foreach ($protocol in $Disabled) { Set-OtaProtocol -Name $protocol -Enabled $false }
        foreach ($protocol in $Enabled) { Set-OtaProtocol -Name $protocol -Enabled $true }
        Set-OtaCipherSuites -Wanted $CipherSuites
    } catch {
        Save-OtaRecords
        throw
    }
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
# | The way back                                                       |
# ----------------------------------------------------------------------

# Says whether to take a step: not when it is taken back already, and not when somebody changed the value since.
function Test-OtaStep([string]$What, [string]$Action, $Now, $Ours, $Was) {
    if ([string]$Now -ceq [string]$Was) { return $false }
    if ([string]$Now -cne [string]$Ours) {
        Write-Warning "$What was changed since setup.ps1 ran and is left as it is."
        return $false
    }
    return $PSCmdlet.ShouldProcess($What, $Action)
}

# Says whether an element says nothing that it would not inherit from the one above it ($null: from the defaults).
function Test-OtaSilent($Element, $Above) {
    foreach ($attribute in $Element.Attributes) {
        if ($null -eq $Above) {
            if (-not $attribute.IsInheritedFromDefaultValue) { return $false }
        } elseif ([string]$attribute.Value -ne [string]$Above.GetAttribute($attribute.Name).Value) { return $false }
    }
    if ($null -ne $Element.Schema.CollectionSchema) {
        $outer = @()
        if ($null -ne $Above) { $outer = @(Get-IISConfigCollection -ConfigElement $Above | Get-IISConfigCollectionElement) }
        $entries = @(Get-IISConfigCollection -ConfigElement $Element | Get-IISConfigCollectionElement)
        if ($entries.Count -ne $outer.Count) { return $false }
        foreach ($entry in @($entries | Where-Object { $_.IsLocallyStored })) {
            if (@($outer | Where-Object { Test-OtaSilent $entry $_ }).Count -eq 0) { return $false }
        }
    }
    foreach ($child in $Element.ChildElements) {
        $outer = $null
        if ($null -ne $Above) { $outer = $Above.GetChildElement($child.ElementTagName) }
        if (-not (Test-OtaSilent $child $outer)) { return $false }
    }
    return $true
}

# Removes what setup.ps1 made around its values, a section or a child element, when nothing is left in it. Where that
# cannot be told it stays: empty, it says nothing.
function Remove-OtaSilent([hashtable]$Record) {
    if (-not $Record['Fresh']) { return }
    $section = $Record['Section']
    $location = $Record['Location']
    $holder = Get-OtaHolder -Section $section -Location $location -Steps $Record['Steps']
    if (($null -eq $holder) -or -not $holder.IsLocallyStored) { return }
    $above = $null
    if ($location) {
        $outer = $location.Substring(0, [Math]::Max(0, $location.LastIndexOf('/')))
        $above = Get-OtaSection -Section $section -Location $outer
    }
    try {
        $silent = Test-OtaSilent $holder $above
    } catch {
        $silent = $false
    }
    if ($silent) { Remove-IISConfigElement -ConfigElement $holder -Confirm:$false }
}

function Undo-OtaAttribute([hashtable]$Record) {
    $section = Get-OtaSection -Section $Record['Section'] -Location $Record['Location']
    $element = Find-OtaElement -Section $Record['Section'] -Location $Record['Location'] -Steps $Record['Steps']
    if (($null -eq $element) -or -not $section.IsLocallyStored) { return }
    $now = Get-OtaValue -Element $element -Name $Record['Name']
    $was = $Record['Was']
    if ($was -eq [string]$Record['New']) { $was = $null }
    if (Test-OtaStep $Record['What'] "set $($Record['Name']) back to '$($Record['Was'])'" $now $Record['New'] $was) {
        if ($Record['Own']) {
            Set-IISConfigAttributeValue -ConfigElement $element -AttributeName $Record['Name'] -AttributeValue $Record['Old']
        } else {
            Remove-IISConfigAttribute -ConfigElement $element -AttributeName $Record['Name']
        }
    }
    Remove-OtaSilent $Record
}

function Undo-OtaElement([hashtable]$Record) {
    $key = ConvertTo-OtaTable $Record['Key']
    $place = @($Record['Steps']) + @(@{ 'In' = $Record['In']; 'Key' = $key })
    if ($null -ne (Find-OtaElement -Section $Record['Section'] -Location $Record['Location'] -Steps $place)) {
        if (-not $PSCmdlet.ShouldProcess($Record['What'], 'remove')) { return }
        $where = @{ ConfigElement = (Find-OtaElement -Section $Record['Section'] -Location $Record['Location'] -Steps $Record['Steps']) }
        if ($Record['In']) { $where['CollectionName'] = $Record['In'] }
        $collection = Get-IISConfigCollection @where
        Remove-IISConfigCollectionElement -ConfigCollection $collection -ConfigAttribute $key -Confirm:$false
    }
    Remove-OtaSilent $Record
}

# Says whether a location tag holds no section any more. What cannot even be read for a location cannot stand in one.
function Test-OtaEmptyLocation([string]$Location) {
    foreach ($section in @(Get-IISConfigSection)) {
        if ($section.SectionPath -notlike 'system.webServer/*') { continue }
        try {
            $here = Get-IISConfigSection -SectionPath $section.SectionPath -Location $Location
        } catch {
            continue
        }
        if ($here.IsLocallyStored) { return $false }
    }
    return $true
}

function Undo-OtaLocation([hashtable]$Record) {
    if ((Get-OtaLocations) -notcontains $Record['Location']) { return }
    if (-not $PSCmdlet.ShouldProcess($Record['What'], 'remove')) { return }
    if (-not (Test-OtaEmptyLocation $Record['Location'])) {
        Write-Warning "The $($Record['What']) holds settings of others and stays."
        return
    }
    (Get-IISServerManager).GetApplicationHostConfiguration().RemoveLocationPath($Record['Location'])
}

# Bindings of one name and port share their certificate: where another one took it along, there is none here any more.
function Undo-OtaBinding([hashtable]$Record) {
    $place = Get-OtaBindingSteps -Site $Record['Site'] -Information $Record['Information']
    $found = Find-OtaElement -Section $OtaSites -Location '' -Steps $place
    if ($null -eq $found) { return }
    $now = Get-OtaValue -Element $found -Name 'certificateHash'
    if (($now -ne '') -and ($now -ne $Record['New'])) {
        $null = Test-OtaStep $Record['What'] '' $now $Record['New'] $Record['Old'].Thumbprint
        return
    }
    if (-not $PSCmdlet.ShouldProcess($Record['What'], 'remove, or give back what it was')) { return }
    $old = ConvertTo-OtaTable $Record['Old']
    if ($old['Found']) {
        $was = @{ SslFlags = $old['SslFlags']; Thumbprint = $old['Thumbprint']; Store = $old['Store'] }
        Set-OtaTlsBinding -Site $Record['Site'] -Information $Record['Information'] @was
    } else {
        Remove-IISSiteBinding -Name $Record['Site'] -BindingInformation $Record['Information'] -Protocol https -Confirm:$false
        Undo-OtaSharing $Record
    }
}

# A binding that was removed took the certificate of its name and port along.
function Undo-OtaSharing([hashtable]$Record) {
    if (-not $Record.ContainsKey('Sharing')) { return }
    $sharing = ConvertTo-OtaTable $Record['Sharing']
    if (-not $sharing['Thumbprint']) { return }
    $place = Get-OtaBindingSteps -Site $Record['Site'] -Information $sharing['Information']
    if ($null -eq (Find-OtaElement -Section $OtaSites -Location '' -Steps $place)) { return }
    $was = @{ SslFlags = $sharing['SslFlags']; Thumbprint = $sharing['Thumbprint']; Store = $sharing['Store'] }
    Set-OtaTlsBinding -Site $Record['Site'] -Information $sharing['Information'] @was
}

function Undo-OtaCertificate([hashtable]$Record) {
    $path = "Cert:\LocalMachine\My\$($Record['New'])"
    if ((Test-Path -LiteralPath $path) -and $PSCmdlet.ShouldProcess($Record['What'], 'remove from LocalMachine\My')) {
        Remove-Item -LiteralPath $path -DeleteKey -Confirm:$false
    }
}

function Undo-OtaFile([hashtable]$Record) {
    if (-not (Test-Path -LiteralPath $Record['What'])) { return }
    $now = [System.IO.File]::ReadAllText($Record['What'])
    if (-not (Test-OtaStep $Record['What'] 'put back what was there' $now $Record['New'] $Record['Old'])) { return }
    if ($null -eq $Record['Old']) {
        Remove-Item -LiteralPath $Record['What'] -Confirm:$false
    } else {
        [System.IO.File]::WriteAllText($Record['What'], $Record['Old'])
    }
}

function Undo-OtaFolder([hashtable]$Record) {
    if (-not (Test-Path -LiteralPath $Record['New'])) { return }
    if (@(Get-ChildItem -LiteralPath $Record['New'] -Force).Count -gt 0) {
        Write-Warning "The folder $($Record['New']) is not empty and stays."
        return
    }
    if ($PSCmdlet.ShouldProcess($Record['What'], 'remove')) { Remove-Item -LiteralPath $Record['New'] -Confirm:$false }
}

function Undo-OtaRegistryValue([hashtable]$Record) {
    if (-not (Test-Path -LiteralPath $Record['Path'])) { return }
    $now = (Get-Item -LiteralPath $Record['Path']).GetValue($Record['Name'])
    if (-not (Test-OtaStep $Record['What'] "set back to '$($Record['Old'])'" $now $Record['New'] $Record['Old'])) { return }
    if ($null -eq $Record['Old']) {
        Remove-ItemProperty -LiteralPath $Record['Path'] -Name $Record['Name'] -Confirm:$false
    } else {
        Set-ItemProperty -LiteralPath $Record['Path'] -Name $Record['Name'] -Value $Record['Old'] -Confirm:$false
    }
}

function Undo-OtaRegistryKey([hashtable]$Record) {
    if (-not (Test-Path -LiteralPath $Record['New'])) { return }
    $key = Get-Item -LiteralPath $Record['New']
    if (($key.ValueCount -gt 0) -or ($key.SubKeyCount -gt 0)) { return }
    if ($PSCmdlet.ShouldProcess($Record['What'], 'remove')) { Remove-Item -LiteralPath $Record['New'] -Confirm:$false }
}

function Undo-OtaCipherSuites([hashtable]$Record) {
    if (-not $PSCmdlet.ShouldProcess('cipher suites', 'put the list back')) { return }
    $now = @(Get-TlsCipherSuite | ForEach-Object { $_.Name })
    foreach ($suite in @($Record['Added'])) {
        if ($now -contains $suite) { Disable-TlsCipherSuite -Name $suite -Confirm:$false }
    }
    $position = 0
    foreach ($suite in @($Record['Old'])) {
        if ((@($Record['Removed']) -contains $suite) -and ($now -notcontains $suite)) {
            Enable-TlsCipherSuite -Name $suite -Position $position -Confirm:$false
        }
        $position += 1
    }
}

# Says whether there is anything to take back.
function Test-OtaRecords {
    if ($OtaRecords.Count -gt 0) { return $true }
    Write-Warning "There are no records of $OtaSite ($OtaStateFile): nothing to undo."
    if (-not $WhatIfPreference) { Save-OtaRecords }
    return $false
}

function Get-OtaNewestFirst {
    $newest = @($OtaRecords)
    [array]::Reverse($newest)
    return $newest
}

# The functions above ask with the $PSCmdlet of these two.

function Undo-OtaConfiguration {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param()
    Start-IISCommitDelay
    $script:OtaDelayed = $true
    try {
        foreach ($record in @(Get-OtaNewestFirst)) {
            switch ($record['Kind']) {
                'attribute' { Undo-OtaAttribute $record }
                'element' { Undo-OtaElement $record }
                'binding' { Undo-OtaBinding $record }
                'location' { Undo-OtaLocation $record }
            }
        }
        $script:OtaDelayed = $false
        Stop-IISCommitDelay -Commit (-not $WhatIfPreference)
    } catch {
        if ($OtaDelayed) { Stop-IISCommitDelay -Commit $false }
        throw
    }
}

function Undo-OtaMachine {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param()
    foreach ($record in @(Get-OtaNewestFirst)) {
        switch ($record['Kind']) {
            'registry' { Undo-OtaRegistryValue $record }
            'key' { Undo-OtaRegistryKey $record }
            'ciphers' { Undo-OtaCipherSuites $record }
            'file' { Undo-OtaFile $record }
            'folder' { Undo-OtaFolder $record }
            'certificate' { Undo-OtaCertificate $record }
        }
    }
}

# When all of them are taken back.
function Clear-OtaRecords {
    if ($WhatIfPreference) { return }
    $OtaRecords.Clear()
    Save-OtaRecords
}

Export-ModuleMember -Function @(
    'Start-OtaRun', 'Start-OtaCommit', 'Complete-OtaCommit', 'Stop-OtaCommit'
    'Assert-OtaModule', 'Assert-OtaRewrite', 'Assert-OtaHsts', 'Assert-OtaCertificateCount', 'Assert-OtaUnclaimed'
    'Import-OtaCertificates', 'Add-OtaFolder', 'Test-OtaFolder', 'Copy-OtaWebConfig'
    'Add-OtaPool', 'Add-OtaSite', 'Add-OtaDirectory', 'Add-OtaHttpBinding', 'Add-OtaHttpsBinding'
    'Set-OtaSection', 'Set-OtaHsts', 'Add-OtaMediaType', 'Add-OtaServerVariable', 'Add-OtaNetwork'
    'Set-OtaSchannel'
    'Test-OtaRecords', 'Undo-OtaConfiguration', 'Undo-OtaMachine', 'Clear-OtaRecords'
)
