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
# Takes back what setup.ps1 did, from the last change to the first, as its records say. What somebody changed since
# is left alone, with a warning. -WhatIf shows the plan.

[CmdletBinding(SupportsShouldProcess = $true)]
param()

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
    }
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

# ----------------------------------------------------------------------
# | Back, from the last change to the first                            |
# ----------------------------------------------------------------------

Import-Module IISAdministration
Read-OtaRecords
if ($OtaRecords.Count -eq 0) {
    Write-Warning "There are no records of $OtaSite ($OtaStateFile): nothing to undo."
    if (-not $WhatIfPreference) { Save-OtaRecords }
    return
}
$OtaRecords.Reverse()

Start-IISCommitDelay
$OtaDelayed = $true
try {
    foreach ($record in $OtaRecords) {
        switch ($record['Kind']) {
            'attribute' { Undo-OtaAttribute $record }
            'element' { Undo-OtaElement $record }
            'binding' { Undo-OtaBinding $record }
            'location' { Undo-OtaLocation $record }
        }
    }
    $OtaDelayed = $false
    Stop-IISCommitDelay -Commit (-not $WhatIfPreference)
} catch {
    if ($OtaDelayed) { Stop-IISCommitDelay -Commit $false }
    throw
}
foreach ($record in $OtaRecords) {
    switch ($record['Kind']) {
        'registry' { Undo-OtaRegistryValue $record }
        'key' { Undo-OtaRegistryKey $record }
        'ciphers' { Undo-OtaCipherSuites $record }
        'file' { Undo-OtaFile $record }
        'folder' { Undo-OtaFolder $record }
        'certificate' { Undo-OtaCertificate $record }
    }
}
if (-not $WhatIfPreference) {
    $OtaRecords.Clear()
    Save-OtaRecords
}
