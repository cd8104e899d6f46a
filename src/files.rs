//! Files that are read whole, and files that take their names only when they are whole.
//!
//! A [`Replacement`] is written under a temporary name in the folder of its target, synced and
//! renamed. Whatever fails on the way, and whoever writes the same file at the same time, the
//! target is always one whole version or another.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
#[cfg(unix)]
use std::time::Duration;

/// The temporary files of this process. Whoever holds the lock keeps files from being begun, put
/// into place and given up.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is being written. [`Replacement::commit`] puts it into place; dropping it leaves
/// the target as it was.
pub struct Replacement {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
}

impl Replacement {
    /// Begins a new version of a file, which need not exist. A symbolic link stays one: the file
    /// that it points to is replaced. The new version has the permissions of the old one, and where
    /// the old one may not be written, this is an error.
    pub fn new(path: &Path) -> io::Result<Replacement> {
        let target = followed(path)?;
        let old = match fs::metadata(&target) {
            Ok(old) => {
                regular(&old)?;
                File::options().write(true).open(&target)?;
                Some(old)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let (file, temporary) = temporary(&target, "new")?;
        let replacement = Replacement { file, temporary, target };
        if let Some(old) = old {
            replacement.take_after(&old)?;
        }
        Ok(replacement)
    }

    /// What writes into the file; it shares its position with all others.
    pub fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Where it stands until it is put into place: to be read back before.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Owner, where that is allowed, and permissions of the old version.
    fn take_after(&self, old: &Metadata) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, fchown};
            let new = self.file.metadata()?;
            if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                // only the superuser may give files away; the contents are what matters
                let _ = fchown(&self.file, Some(old.uid()), Some(old.gid()));
            }
        }
        self.file.set_permissions(old.permissions())
    }

    /// Puts the file into its place, with everything on the disk. On any error the old one stays.
    pub fn commit(self) -> io::Result<()> {
        match self.file.sync_all() {
            // some network file systems cannot
            Err(error)
                if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) =>
            {
                return Err(error);
            }
            _ => {}
        }
        {
            let mut unfinished = unfinished();
            fs::rename(&self.temporary, &self.target)?;
            unfinished.retain(|path| *path != self.temporary);
        }
        if let Ok(folder) = File::open(folder(&self.target)) {
            // not every file system can sync a folder; the rename is atomic all the same
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        give_up(&self.temporary);
    }
}

/// Removes a temporary file, if it was not put into place.
fn give_up(temporary: &Path) {
    let mut unfinished = unfinished();
    let known = unfinished.len();
    unfinished.retain(|path| *path != temporary);
    if unfinished.len() < known {
        // nothing can be done about one that stays
        let _ = fs::remove_file(temporary);
    }
}

/// A file of this process alone, which goes when it is dropped.
pub struct Scratch {
    file: File,
    path: PathBuf,
}

impl Scratch {
    /// Writes one into the folder for temporary files. `ending` stands behind the point of its name.
    pub fn new(ending: &str, contents: &[u8]) -> io::Result<Scratch> {
        let mut scratch =
            Scratch::beside(&std::env::temp_dir().join(format!("igql.{ending}")), ending)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            scratch.file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        scratch.file.write_all(contents)?;
        Ok(scratch)
    }

    /// An empty one in a folder for such files, which is made if it is missing. Those that killed processes have left
    /// there under the same name are removed.
    pub fn within(folder: &Path, name: &str, ending: &str) -> io::Result<Scratch> {
        fs::create_dir_all(folder)?;
        Scratch::beside(&folder.join(name), ending)
    }

    /// Opens it once more, for reading and writing.
    pub fn open(&self) -> io::Result<File> {
        File::options().read(true).write(true).open(&self.path)
    }

    /// Removes those of a folder that killed processes have left under a name.
    pub fn clear(folder: &Path, name: &str, ending: &str) {
        #[cfg(unix)]
        clear_abandoned(folder, &format!(".{name}."), ending);
    }

    /// An empty one beside a file that it may become.
    pub fn beside(target: &Path, ending: &str) -> io::Result<Scratch> {
        let (file, path) = temporary(target, ending)?;
        Ok(Scratch { file, path })
    }

    /// Replaces its contents.
    pub fn rewrite(&mut self, contents: &[u8]) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(contents)
    }

    /// Gives it a name to stay under.
    pub fn keep(&self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        let mut unfinished = unfinished();
        fs::rename(&self.path, target)?;
        unfinished.retain(|path| *path != self.path);
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        give_up(&self.path);
    }
}

/// Replaces a file by one with these contents.
pub fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = Replacement::new(path)?;
    file.write_all(contents)?;
    file.commit()
}

/// Ends the process at once, without anything that it was still writing.
pub fn exit(code: i32) -> ! {
    let unfinished = unfinished();
    for path in unfinished.iter() {
        let _ = fs::remove_file(path);
    }
    // the lock is held to the end: nothing is begun any more
    std::process::exit(code)
}

/// The bytes of a file. What is no regular file is an error at once: a pipe without a writer, or
/// a device, may never end.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    regular(&fs::metadata(path)?)?;
    fs::read(path)
}

/// The text of a file, as [`read`].
pub fn read_text(path: &Path) -> io::Result<String> {
    regular(&fs::metadata(path)?)?;
    fs::read_to_string(path)
}

/// Programs of more bytes are not read: they are data by mistake.
const MOST_PROGRAM: u64 = 16 << 20;

/// The text of a program, as [`read`]: UTF-8, and not too long.
pub fn read_program(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    regular(&found)?;
    if found.len() > MOST_PROGRAM {
        return Err(too_long());
    }
    program_from(fs::File::open(path)?)
}

/// The same of what can only be read, such as standard input.
pub fn program_from(reader: impl io::Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut limited = io::Read::take(reader, MOST_PROGRAM + 1);
    io::Read::read_to_end(&mut limited, &mut bytes)?;
    if bytes.len() as u64 > MOST_PROGRAM {
        return Err(too_long());
    }
    String::from_utf8(bytes).map_err(|error| {
        let (bytes, at) = (error.as_bytes(), error.utf8_error().valid_up_to());
        let message = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                "the text is UTF-16: save it as UTF-8".to_owned()
            }
            _ => {
                let line = bytes[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
                format!(
                    "line {line} is not UTF-8 (the byte 0x{:02x}): save the text as UTF-8",
                    bytes[at]
                )
            }
        };
        io::Error::new(ErrorKind::InvalidData, message)
    })
}

fn too_long() -> io::Error {
    let message = format!("programs are limited to {} MiB", MOST_PROGRAM >> 20);
    io::Error::new(ErrorKind::FileTooLarge, message)
}

/// Whether two paths lead to one file.
pub fn is_same(a: &Path, b: &Path) -> bool {
    let (Ok(a), Ok(b)) = (identity(a), identity(b)) else {
        return false;
    };
    a == b
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// Whether a file, which need not exist, lies in a folder or in one below it.
pub fn is_below(path: &Path, parent: &Path) -> bool {
    let real = followed(path).and_then(|path| folder(&path).canonicalize());
    match (real, parent.canonicalize()) {
        (Ok(real), Ok(parent)) => real.starts_with(parent),
        _ => false,
    }
}

/// Fails where there is no regular file.
pub fn is_regular(path: &Path) -> io::Result<()> {
    regular(&fs::metadata(path)?)
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        Ok(())
    } else if metadata.is_dir() {
        Err(io::Error::new(ErrorKind::IsADirectory, "this is a folder"))
    } else {
        let message = "this is a pipe or a device, not a file";
        Err(io::Error::new(ErrorKind::InvalidInput, message))
    }
}

/// The most symbolic links on the way to a file.
const LINKS: usize = 40;

/// The path behind symbolic links; nothing need exist there.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = folder(&path).join(link),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The bytes that are free in a folder, for who asks; none where the system does not say.
#[cfg(unix)]
pub fn free(folder: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
    // SAFETY: the path ends with a zero, and the answer is written into memory of its own
    let found = unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &raw mut found) == 0).then_some(found)
    }?;
    // of different types on different systems
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    Some(u64::from(found.f_bavail).saturating_mul(found.f_frsize as u64))
}

#[cfg(not(unix))]
pub fn free(_: &Path) -> Option<u64> {
    None
}

/// Bytes of a target's name that its temporary names keep: a name has at most 255.
const KEPT: usize = 200;

/// A new file beside a target, under a name that no other writer has.
fn temporary(target: &Path, ending: &str) -> io::Result<(File, PathBuf)> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let folder = folder(target);
    let Some(name) = target.file_name().map(OsStr::to_string_lossy) else {
        return Err(io::Error::new(ErrorKind::IsADirectory, "this is a folder"));
    };
    let kept = name.char_indices().take_while(|(at, c)| at + c.len_utf8() <= KEPT);
    let name: String = kept.map(|(_, c)| c).collect();
    #[cfg(unix)]
    clear_abandoned(folder, &format!(".{name}."), ending);
    let mut unfinished = unfinished();
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".{name}.{}-{number}.{ending}", std::process::id()));
        match File::options().write(true).create_new(true).open(&path) {
            Ok(file) => {
                // for as long as it is open others know that it is being written; where files cannot be
                // locked, nobody takes it for abandoned
                #[cfg(unix)]
                let _ = file.try_lock();
                unfinished.push(path.clone());
                return Ok((file, path));
            }
            // of a process that was killed, or of another machine
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                let message = format!("cannot create a file in `{}`: {error}", folder.display());
                return Err(io::Error::new(error.kind(), message));
            }
        }
    }
}

/// How old a temporary file is at least that nobody writes any more.
#[cfg(unix)]
const ABANDONED: Duration = Duration::from_secs(60);

/// Removes temporary files of a target that processes have left which were killed: nobody holds their
/// locks. Those that are new may be about to be locked.
#[cfg(unix)]
fn clear_abandoned(folder: &Path, prefix: &str, ending: &str) {
    let middle = |name: &str| {
        name.strip_prefix(prefix)?.strip_suffix(ending)?.strip_suffix('.').map(str::to_owned)
    };
    clear(folder, &|name| middle(name).is_some_and(|middle| is_of_process(&middle)));
}

/// The same of all targets in a folder whose files have names of their own, as those of a log.
pub fn clear_all_abandoned(folder: &Path) {
    #[cfg(unix)]
    clear(folder, &|name| {
        let middle = name.strip_prefix('.').and_then(|name| name.strip_suffix(".new"));
        middle.and_then(|m| m.rsplit_once('.')).is_some_and(|(_, last)| is_of_process(last))
    });
    #[cfg(not(unix))]
    let _ = folder;
}

/// `PROCESS-NUMBER`.
#[cfg(unix)]
fn is_of_process(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.split_once('-').is_some_and(|(process, number)| digits(process) && digits(number))
}

#[cfg(unix)]
fn clear(folder: &Path, is_temporary: &dyn Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(is_temporary);
        let old = || {
            let age = entry.metadata().ok()?.modified().ok()?.elapsed().ok()?;
            (age >= ABANDONED).then_some(())
        };
        if !ours || old().is_none() {
            continue;
        }
        let path = entry.path();
        let Ok(file) = File::options().write(true).open(&path) else {
            continue;
        };
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that nobody has written to for long.
    #[cfg(unix)]
    fn aged(path: &Path) -> File {
        fs::write(path, b"half").unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::now() - 2 * ABANDONED).unwrap();
        file
    }

    #[cfg(unix)]
    #[test]
    fn files_of_killed_processes_are_cleared_whatever_they_were_to_become() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            [".a.parquet.400-0.new", ".400-1.new", ".a.notes.new", "b.400-0.new", ".c.400-1"]
        {
            aged(&folder.path().join(name));
        }
        fs::write(folder.path().join(".d.parquet.400-2.new"), b"begun").unwrap();
        clear_all_abandoned(folder.path());
        assert_eq!(
            names(folder.path()),
            [".400-1.new", ".a.notes.new", ".c.400-1", ".d.parquet.400-2.new", "b.400-0.new"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn files_of_killed_processes_are_cleared_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let aged = |name: &str| aged(&folder.path().join(name));
        aged(".a.4000000-0.new");
        aged(".b.4000000-0.new");
        aged(".a.notes.new");
        let written = aged(".a.4000000-1.new");
        written.try_lock().unwrap();
        fs::write(folder.path().join(".a.4000000-2.new"), b"begun").unwrap();
        replace(&path, b"whole").unwrap();
        let left =
            [".a.4000000-1.new", ".a.4000000-2.new", ".a.notes.new", ".b.4000000-0.new", "a"];
        assert_eq!(names(folder.path()), left);
        drop(written);
        replace(&path, b"whole").unwrap();
        assert_eq!(names(folder.path()), &left[1..]);
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_is_dropped_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, b"old").unwrap();
        let mut new = Replacement::new(&path).unwrap();
        new.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(new);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn writers_of_one_file_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let long = vec![b'x'; 1 << 16];
        std::thread::scope(|scope| {
            for writer in 0..8u8 {
                let (path, long) = (&path, &long);
                scope.spawn(move || {
                    for _ in 0..20 {
                        let mut text = long.clone();
                        text.fill(b'a' + writer);
                        replace(path, &text).unwrap();
                        let found = fs::read(path).unwrap();
                        assert_eq!(found.len(), long.len());
                        assert!(found.iter().all(|b| *b == found[0]));
                    }
                });
            }
        });
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn folders_and_long_names() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace(folder.path(), b"").is_err());
        let error = replace(&folder.path().join("no/file"), b"").unwrap_err();
        assert!(error.to_string().contains("cannot create a file in"), "{error}");
        for name in ["x".repeat(255), "é".repeat(127)] {
            let path = folder.path().join(name);
            replace(&path, b"whole").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"whole");
        }
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("in")).unwrap();
        replace(&path("in/real"), b"old").unwrap();
        fs::set_permissions(path("in/real"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("in/real", path("one")).unwrap();
        symlink("one", path("two")).unwrap();
        replace(&path("two"), b"new").unwrap();
        assert!(path("one").is_symlink() && path("two").is_symlink());
        assert_eq!(fs::read(path("in/real")).unwrap(), b"new");
        let mode = fs::metadata(path("in/real")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        symlink("in/later", path("dangling")).unwrap();
        replace(&path("dangling"), b"made").unwrap();
        assert_eq!(fs::read(path("in/later")).unwrap(), b"made");
        symlink("round", path("round")).unwrap();
        assert!(replace(&path("round"), b"").is_err());
    }
}
