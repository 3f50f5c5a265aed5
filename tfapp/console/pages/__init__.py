"""The pages, a file each: what they need is handed to them, and `routes` says where they are."""
