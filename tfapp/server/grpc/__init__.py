"""Holds the gRPC port: its services, its interceptor, its time limits and permissions."""
