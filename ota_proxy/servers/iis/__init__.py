"""IIS without Windows: what a site looks like as its configuration, and configurations read as IIS reads them."""
