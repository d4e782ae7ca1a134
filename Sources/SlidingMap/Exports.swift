// What users import is one module; the rooms behind it come along.
@_exported public import MMapBackend
@_exported public import MapProtocols
@_exported public import Policies
@_exported public import struct SystemPackage.Errno
@_exported public import struct SystemPackage.FileDescriptor
@_exported public import struct SystemPackage.FilePath
@_exported public import URingBackend
