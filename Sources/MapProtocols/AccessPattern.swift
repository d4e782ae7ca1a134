/// How the files of a manager are read, and so how much the system is to read around what is touched.
///
/// It matters where bytes come from a disk; what the page cache holds is read ahead by nobody.
public enum AccessPattern: Hashable, Sendable {
  /// Found out for each file from where requests miss: `.random` once they are scattered, `.normal` otherwise.
  case learned
  /// Front to back, or unknown: the system reads ahead as it does for any file.
  case normal
  /// Here and there: only what is asked for is read.
  case random
}
