"""Turn a canonical strategy into results: schema, indicators, data, code, isolated execution."""
