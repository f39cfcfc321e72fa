"""The registry's HTTP APIs, a router each: the paths are those of Provena's services."""
