"""`ota-proxy lint` refuses what IIS refuses, in IIS's words, and accepts what it accepts: every case of cases/validity."""
