"""The phone by a GSM modem on USB: one serial port for AT commands, one for the call's sound."""
