#Requires -Version 5.1
#Requires -RunAsAdministrator
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
#
# What this file needs from the configuration around it:
#   - URL Rewrite 2.1 (2.0 does not know useOriginalURLEncoding and would answer 500.19)
#   - setup.ps1, run as administrator beside web.config; IISAdministration 1.1 (Windows 2016:
#     Install-Module IISAdministration)
#   - a certificate in LocalMachine\My (-CertificateThumbprint), or a PFX file (-PfxPath,
#     -PfxPassword)
#
# Good to know:
#   - checked without Windows: this follows the documentation of IIS, no IIS has run it for this
#     rendering
#   - /srv/ota is %SystemDrive%\srv\ota on Windows
#   - a PFX from the PEM files: openssl pkcs12 -export -in /etc/ssl/ota.pem -inkey /etc/ssl/ota.key
#     -out site.pfx
#   - folders with content need read permission for IIS AppPool\ota.example.com
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

# Records: what was changed, and what was there before. undo.ps1 reads them from the last one to the first.

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
    if ($OtaRecords.Count -eq 0) {
        if (Test-Path -LiteralPath $OtaStateFile) { Remove-Item -LiteralPath $OtaStateFile -Confirm:$false }
        return
    }
    $null = New-Item -ItemType Directory -Force -Path (Split-Path -Parent $OtaStateFile)
    @{ Site = $OtaSite; Records = $OtaRecords } | ConvertTo-Json -Depth 9 |
        Set-Content -LiteralPath $OtaStateFile -Encoding UTF8 -Confirm:$false
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

function New-OtaTlsBinding([string]$Site, [string]$Information, [int]$SslFlags, [string]$Thumbprint) {
    $flags = [Enum]::ToObject([Microsoft.Web.Administration.SslFlags], $SslFlags)
    New-IISSiteBinding -Name $Site -BindingInformation $Information -Protocol https -CertificateThumbPrint $Thumbprint -CertStoreLocation 'Cert:\LocalMachine\My' -SslFlag $flags
}

function Test-OtaStep([string]$What, [string]$Action, $Now, $Ours) {
    if ([string]$Now -ne [string]$Ours) {
        Write-Warning "$What was changed since setup.ps1 ran and is left as it is."
        return $false
    }
    return $PSCmdlet.ShouldProcess($What, $Action)
}

function Undo-OtaAttribute([hashtable]$Record) {
    $element = Find-OtaElement -Section $Record['Section'] -Location $Record['Location'] -Steps $Record['Steps']
    if ($null -eq $element) { return }
    $now = Get-OtaValue -Element $element -Name $Record['Name']
    if (-not (Test-OtaStep $Record['What'] "set $($Record['Name']) back to '$($Record['Old'])'" $now $Record['New'])) { return }
    if ($Record['Own']) {
        Set-IISConfigAttributeValue -ConfigElement $element -AttributeName $Record['Name'] -AttributeValue $Record['Old']
    } else {
        Remove-IISConfigAttribute -ConfigElement $element -AttributeName $Record['Name']
    }
}

function Undo-OtaElement([hashtable]$Record) {
    $key = ConvertTo-OtaTable $Record['Key']
    $place = @($Record['Steps']) + @(@{ 'In' = $Record['In']; 'Key' = $key })
    if ($null -eq (Find-OtaElement -Section $Record['Section'] -Location $Record['Location'] -Steps $place)) { return }
    if (-not $PSCmdlet.ShouldProcess($Record['What'], 'remove')) { return }
    $where = @{ ConfigElement = (Find-OtaElement -Section $Record['Section'] -Location $Record['Location'] -Steps $Record['Steps']) }
    if ($Record['In']) { $where['CollectionName'] = $Record['In'] }
    $collection = Get-IISConfigCollection @where
    Remove-IISConfigCollectionElement -ConfigCollection $collection -ConfigAttribute $key -Confirm:$false
}

function Undo-OtaBinding([hashtable]$Record) {
    $key = @{ 'protocol' = 'https'; 'bindingInformation' = $Record['Information'] }
    $place = @(@{ 'In' = ''; 'Key' = @{ 'name' = $Record['Site'] } }, @{ 'In' = 'bindings'; 'Key' = $key })
    $found = Find-OtaElement -Section $OtaSites -Location '' -Steps $place
    if ($null -eq $found) { return }
    $now = Get-OtaValue -Element $found -Name 'certificateHash'
    if (-not (Test-OtaStep $Record['What'] 'remove, or give back its certificate' $now $Record['New'])) { return }
    Remove-IISSiteBinding -Name $Record['Site'] -BindingInformation $Record['Information'] -Protocol https -Confirm:$false
    if ($Record['Old']) {
        New-OtaTlsBinding -Site $Record['Site'] -Information $Record['Information'] -SslFlags $Record['SslFlags'] -Thumbprint $Record['Old']
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
    if (-not (Test-OtaStep $Record['What'] 'put back what was there' $now $Record['New'])) { return }
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
    $key = Get-Item -LiteralPath $Record['Path']
    if (-not (Test-OtaStep $Record['What'] "set back to '$($Record['Old'])'" ($key.GetValue($Record['Name'])) $Record['New'])) { return }
    if ($null -eq $Record['Old']) {
        Remove-ItemProperty -LiteralPath $Record['Path'] -Name $Record['Name'] -Confirm:$false
    } else {
        Set-ItemProperty -LiteralPath $Record['Path'] -Name $Record['Name'] -Value $Record['Old'] -Confirm:$false
    }
    if ($Record['Created'] -and ($key.ValueCount -eq 0)) { Remove-Item -LiteralPath $Record['Path'] -Confirm:$false }
}

function Undo-OtaCipherSuites([hashtable]$Record) {
    if (-not $PSCmdlet.ShouldProcess('cipher suites', 'put the list back')) { return }
    foreach ($suite in @($Record['Added'])) { Disable-TlsCipherSuite -Name $suite -Confirm:$false }
    $position = 0
    foreach ($suite in @($Record['Old'])) {
        if (@($Record['Removed']) -contains $suite) { Enable-TlsCipherSuite -Name $suite -Position $position -Confirm:$false }
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
    return
}
$OtaRecords.Reverse()

$delayed = $true
Start-IISCommitDelay
try {
    foreach ($record in $OtaRecords) {
        switch ($record['Kind']) {
            'attribute' { Undo-OtaAttribute $record }
            'element' { Undo-OtaElement $record }
            'binding' { Undo-OtaBinding $record }
        }
    }
    $delayed = $false
    Stop-IISCommitDelay -Commit (-not $WhatIfPreference)
} catch {
    if ($delayed) { Stop-IISCommitDelay -Commit $false }
    throw
}
foreach ($record in $OtaRecords) {
    switch ($record['Kind']) {
        'registry' { Undo-OtaRegistryValue $record }
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
