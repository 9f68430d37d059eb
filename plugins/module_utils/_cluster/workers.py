from ansible_collections.pullpass.registry.plugins.module_utils._workers import for_each  # noqa: F401
