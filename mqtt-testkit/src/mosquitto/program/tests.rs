use std::os::unix::fs::PermissionsExt;
use std::{fs, iter, process};

use super::*;

/// A folder of its own for one test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = env::temp_dir().join(format!("mqtt-testkit-{}-{test}", process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    fn file(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, "").expect("a temporary file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        path
    }

    fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn the_first_folder_with_the_program_wins() {
    let (empty, first, second) =
        (Folder::new("empty"), Folder::new("first"), Folder::new("second"));
    let expected = first.file("mosquitto", 0o755);
    second.file("mosquitto", 0o755);
    let folders = [empty.path(), first.path(), second.path()];
    assert_eq!(find_in(None, folders.into_iter()), Ok(expected));
}

#[test]
fn a_file_that_cannot_be_run_is_no_program() {
    let folder = Folder::new("plain");
    folder.file("mosquitto", 0o644);
    assert_eq!(find_in(None, iter::once(folder.path())), Err(Missing::NotInstalled));
}

#[test]
fn a_folder_is_no_program() {
    let folder = Folder::new("folder");
    fs::create_dir(folder.0.join("mosquitto")).expect("a folder");
    assert!(find_in(None, iter::once(folder.path())).is_err());
}

#[test]
fn the_named_program_wins() {
    let folder = Folder::new("named");
    folder.file("mosquitto", 0o755);
    let named = folder.file("mosquitto-2.1", 0o755);
    let found = find_in(Some(named.as_os_str()), iter::once(folder.path()));
    assert_eq!(found, Ok(named));
}

#[test]
fn a_wrong_name_does_not_fall_back() {
    let folder = Folder::new("wrong");
    folder.file("mosquitto", 0o755);
    let named = folder.0.join("mosquitto-2.1");
    let found = find_in(Some(named.as_os_str()), iter::once(folder.path()));
    assert_eq!(found, Err(Missing::WronglyNamed(named)));
}
