"""The labels of made lectures, one module a published format; all take plain arrays."""
