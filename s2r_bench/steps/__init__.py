"""The runners: fit a simulator, simulate with it, score it. Each finds what is finished and continues what is not."""
