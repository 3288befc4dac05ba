"""What people, devices, browsers and servers say, brought to the rules that can be behind it. Data stands in the .toml files beside the code."""
