// Fixtures and conformance kits shared by the test targets.
