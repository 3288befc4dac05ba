# escape=`
# Microsoft's IIS image with URL Rewrite 2.1 and, for applications behind IIS, Application Request Routing 3.
#
# The context is the folder with both installers (rewrite*.msi, requestRouter*.msi); compose/iis.yml builds it from there.
# IMAGE chooses the Windows, which has to fit the host's: windowsservercore-ltsc2019, -ltsc2022 or -ltsc2025.
#
# Written from Microsoft's documentation; this project's tests have no Windows to build it on.

ARG IMAGE=mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
FROM $IMAGE
SHELL ["powershell", "-NoProfile", "-Command", "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';"]

# What `render iis` may need beside the role: redirects without URL Rewrite, access by network, IISAdministration.
RUN Install-WindowsFeature 'Web-Http-Redirect', 'Web-IP-Security', 'Web-Scripting-Tools' | Out-Null

# Start-Process -Wait, because msiexec alone returns before it is done (microsoft/iis-docker issue 17).
# URL Rewrite first: request routing needs it. 3010 means that a restart would be wanted, which a container has anyway.
COPY *.msi C:/modules/
RUN foreach ($file in @(Get-ChildItem C:\modules\rewrite*.msi) + @(Get-ChildItem C:\modules\requestRouter*.msi)) { `
      $done = Start-Process msiexec -ArgumentList '/i', $file.FullName, '/quiet', '/norestart' -Wait -PassThru; `
      if (@(0, 3010) -notcontains $done.ExitCode) { throw ('{0}: msiexec ended with {1}' -f $file.Name, $done.ExitCode) } }

# The image's own site would answer to every name that is not this site's.
RUN Remove-IISSite -Name 'Default Web Site' -Confirm:$false
