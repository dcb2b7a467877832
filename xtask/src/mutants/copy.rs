//! A copy of the project to break.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, io};

use super::defect::Defect;
use crate::command::target;

/// The project's files as they are now, in a folder of their own.
pub(super) struct Copy {
    folder: PathBuf,
}

impl Copy {
    /// Makes the copy, or brings the one there is up to date: what did not change is not built again.
    pub(super) fn of(project: &Path) -> Result<Copy, String> {
        let copy = Copy { folder: target().join("mutants") };
        copy.update(project).map_err(|error| format!("{}: {error}", copy.folder.display()))?;
        Ok(copy)
    }

    /// The root of the copy.
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    /// Where it is built.
    pub(super) fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Whether a defect can be planted.
    pub(super) fn check(&self, defect: &Defect) -> Result<(), String> {
        self.apply(&["--check"], defect)
    }

    pub(super) fn plant(&self, defect: &Defect) -> Result<(), String> {
        self.apply(&[], defect)
    }

    pub(super) fn take_back(&self, defect: &Defect) -> Result<(), String> {
        self.apply(&["--reverse"], defect)
    }

    fn apply(&self, how: &[&str], defect: &Defect) -> Result<(), String> {
        let mut git = Command::new("git");
        // The copy may lie in a folder of the repository it was made from.
        git.current_dir(self.tree()).env("GIT_CEILING_DIRECTORIES", &self.folder);
        let output = git.arg("apply").args(how).arg(&defect.path).output();
        let output = output.map_err(|error| format!("git did not run: {error}"))?;
        let problem = || format!("mutants/{}.patch does not apply: {}", defect.name, said(&output));
        if output.status.success() { Ok(()) } else { Err(problem()) }
    }

    fn update(&self, project: &Path) -> io::Result<()> {
        let tree = self.tree();
        fs::create_dir_all(&tree)?;
        let files = files(project)?;
        for file in &files {
            let content = fs::read(project.join(file))?;
            let place = tree.join(file);
            if fs::read(&place).ok().as_deref() != Some(&content) {
                fs::create_dir_all(place.parent().unwrap_or(&tree))?;
                fs::write(place, content)?;
            }
        }
        remove_others(&tree, &tree, &files)
    }
}

/// What git knows or would know, as far as it is there.
fn files(project: &Path) -> io::Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(project);
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output()?;
    if !output.status.success() {
        return Err(io::Error::other(said(&output)));
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let files = names.split_terminator('\0').map(PathBuf::from);
    Ok(files.filter(|file| project.join(file).is_file()).collect())
}

/// Removes what was in an earlier copy only.
fn remove_others(tree: &Path, folder: &Path, files: &[PathBuf]) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(tree, &path, files)?;
        } else if path.strip_prefix(tree).is_ok_and(|file| !files.iter().any(|f| f == file)) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
