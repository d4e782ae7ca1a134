// A conformance of a public type is public itself.
public import ArgumentParser
public import Traces

extension ReplayFormat: ExpressibleByArgument {}
