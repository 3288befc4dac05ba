"""IIS without Windows: its configuration read as IIS reads it, and an emulator of the documented subset. `levels` says what each proves."""
