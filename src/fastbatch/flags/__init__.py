"""
PostHog feature flags: `local` decides them by their definitions; what stands around it fetches the definitions, asks
the server where they do not decide, and reports what was read.
"""
