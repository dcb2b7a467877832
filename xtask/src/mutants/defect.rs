//! Defects, as patches.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the patches.
const FOLDER: &str = "mutants";

/// A patch that breaks something, and what.
pub(super) struct Defect {
    /// The name of the file, without its extension.
    pub(super) name: String,
    /// The first line of the file.
    pub(super) title: String,
    pub(super) path: PathBuf,
}

impl Defect {
    /// All there are, by name.
    pub(super) fn all(root: &Path) -> Result<Vec<Defect>, String> {
        let folder = root.join(FOLDER);
        let problem = |error| format!("{}: {error}", folder.display());
        let mut defects = Vec::new();
        for entry in fs::read_dir(&folder).map_err(problem)? {
            let path = entry.map_err(problem)?.path();
            if path.extension().is_some_and(|extension| extension == "patch") {
                defects.push(Defect::read(path)?);
            }
        }
        defects.sort_by(|a, b| a.name.cmp(&b.name));
        if defects.is_empty() { Err(format!("{FOLDER} is empty")) } else { Ok(defects) }
    }

    fn read(path: PathBuf) -> Result<Defect, String> {
        let text = fs::read_to_string(&path);
        let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
        let title = text.lines().next().unwrap_or_default().to_owned();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Defect { name, title, path })
    }
}
