from ansible_collections.pullpass.registry.plugins.module_utils._credentials.shown import *  # noqa: F403
