/// How the files of a manager are read, and so how much the system is to read around what is touched.
///
/// It matters where bytes come from a disk; what the page cache holds is read ahead by nobody.
public enum AccessPattern: Hashable, Sendable {
  /// Found out for each file from where requests miss: `.random` once they are scattered, `.normal` otherwise; of a file read at random
  /// windows that are hit more often than they have pages are `.normal` again, so that the system keeps these.
  case learned
  /// Unknown, or now this way and now that: the system reads ahead as it does for any file.
  case normal
  /// Front to back: the system reads far ahead, and may let go early of what was passed.
  case sequential
  /// Here and there: only what is asked for is read, and where memory is short goes first, however often it is used (Linux 6.3).
  case random
}
