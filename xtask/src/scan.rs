//! Finds what tests say they show.

use std::path::Path;
use std::{fmt, fs, io};

/// Folders without tests of the client. The tests of this very program name ids as examples.
const LEFT_OUT: [&str; 2] = ["target", "xtask"];

/// How tests name what they show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notation<'a> {
    /// What a list of ids in a doc comment stands behind.
    pub(crate) label: &'a str,
    /// The words that ids start with where sentences, tables and notes name them; if there are none,
    /// only lists behind the label name ids.
    pub(crate) families: &'a [&'a str],
}

/// A test and the ids it names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Relative to the root.
    pub(crate) file: String,
    pub(crate) test: String,
    pub(crate) ids: Vec<String>,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file, self.test)
    }
}

/// All claims of tests below `root`, by file.
pub(crate) fn folder(root: &Path, notation: Notation<'_>) -> io::Result<Vec<Claim>> {
    let mut claims = Vec::new();
    collect(root, root, notation, &mut claims)?;
    claims.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(claims)
}

fn collect(
    root: &Path,
    folder: &Path,
    notation: Notation<'_>,
    claims: &mut Vec<Claim>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && !LEFT_OUT.contains(&&*name) {
                collect(root, &path, notation, claims)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            if file.contains("tests") {
                source(&file, &fs::read_to_string(&path)?, notation, claims);
            }
        }
    }
    Ok(())
}

/// The claims of one file: doc comments of functions, lines of a table of behaviours, and notes
/// that start with "shows".
pub(crate) fn source(file: &str, text: &str, notation: Notation<'_>, claims: &mut Vec<Claim>) {
    let Notation { label, families } = notation;
    let mut named = Vec::new();
    let mut goes_on = false;
    let mut last = "";
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///").map(str::trim) {
            if let Some(list) = comment.strip_prefix(label).or(goes_on.then_some(comment)) {
                named.extend(split(list));
                goes_on = list.ends_with(',');
            } else {
                named.extend(mentioned(comment, families));
            }
            continue;
        }
        goes_on = false;
        let claim = |test: &str, ids| Claim { file: file.to_owned(), test: test.to_owned(), ids };
        let elsewhere = (!families.is_empty()).then_some(line);
        if let Some((ids, test)) = elsewhere.and_then(table_line) {
            claims.push(claim(test, ids));
        } else if let Some((_, note)) = elsewhere.and_then(|line| line.split_once("note(\"shows "))
        {
            claims.push(claim(last, mentioned(note, families).collect()));
        } else if let Some(test) = function(line) {
            last = test;
            if !named.is_empty() {
                claims.push(claim(test, std::mem::take(&mut named)));
            }
        }
    }
    if !named.is_empty() {
        let test = "(a comment without a function)".to_owned();
        claims.push(Claim { file: file.to_owned(), test, ids: named });
    }
}

fn split(list: &str) -> impl Iterator<Item = String> {
    list.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned)
}

/// The ids in a sentence.
fn mentioned(text: &str, families: &[&str]) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let is_id = |word: &&str| {
        word.split_once('-').is_some_and(|(family, number)| {
            families.contains(&family) && number.parse::<u32>().is_ok()
        })
    };
    words.filter(is_id).map(str::to_owned)
}

/// `["A-1", "A-2"] group::behaviour;`
fn table_line(line: &str) -> Option<(Vec<String>, &str)> {
    let (ids, test) = line.strip_prefix('[')?.strip_suffix(';')?.split_once("] ")?;
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
    let unquote = |id: &str| Some(id.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned());
    let ids = ids.split(',').map(unquote).collect::<Option<Vec<_>>>()?;
    test.chars().all(is_path).then_some((ids, test))
}

/// The name of the function whose signature starts in `line`.
fn function(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("fn ")?;
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (!name.is_empty() && !line.starts_with("//")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Vec<(String, Vec<String>)> {
        let mut claims = Vec::new();
        let notation = Notation { label: "Promises:", families: &["A", "B"] };
        source("a.rs", text, notation, &mut claims);
        claims.into_iter().map(|claim| (claim.test, claim.ids)).collect()
    }

    fn claim(test: &str, ids: &[&str]) -> (String, Vec<String>) {
        (test.to_owned(), ids.iter().map(|id| (*id).to_owned()).collect())
    }

    #[test]
    fn a_comment_names_the_promises_of_the_next_function() {
        let text = "/// It holds.\n///\n/// Promises: A-1, B-2\n/// Enforces: MQTT-1.2.3-4\n\
                    #[cfg(feature = \"fixed\")]\n#[test]\nfn holds<M: Memory>() {\n}\n\
                    fn is_no_test() {}\n";
        assert_eq!(claims(text), [claim("holds", &["A-1", "B-2"])]);
    }

    #[test]
    fn a_list_goes_on_behind_a_comma() {
        let text =
            "    /// Promises: A-1,\n    /// B-2\n    /// Or not.\n    pub(crate) fn x() {}\n";
        assert_eq!(claims(text), [claim("x", &["A-1", "B-2"])]);
    }

    #[test]
    fn a_table_names_behaviours() {
        let text = "suite! {\n    [\"A-1\", \"B-2\"] group::shows;\n    [1, 2] x::y;\n}\n\
                    let a = [\"A-1\", \"x\"];\n";
        assert_eq!(claims(text), [claim("group::shows", &["A-1", "B-2"])]);
    }

    #[test]
    fn sentences_and_notes_name_promises() {
        let text = "/// A-1, and UTF-8 of MQTT-5: it holds.\n#[test]\nfn holds() {\n\
                    trial.note(\"shows A-2 B-1\");\n}\n";
        assert_eq!(claims(text), [claim("holds", &["A-1"]), claim("holds", &["A-2", "B-1"])]);
    }

    #[test]
    fn without_families_only_lists_name_ids() {
        let text = "suite! {\n    [\"A-1\"] group::shows;\n}\n/// A-2 of a sentence.\n\
                    /// Promises: A-3\n/// Enforces: A-4, A-5 (old),\n/// A-6\nfn holds() {\n\
                    note(\"shows A-7\");\n}\n";
        let mut claims = Vec::new();
        source("a.rs", text, Notation { label: "Enforces:", families: &[] }, &mut claims);
        assert_eq!(claims.len(), 1);
        assert_eq!(
            (&*claims[0].test, claims[0].ids.join("|")),
            ("holds", "A-4|A-5 (old)|A-6".into())
        );
    }

    #[test]
    fn a_comment_of_nothing_is_seen() {
        assert_eq!(claims("/// Promises: A-1\n").len(), 1);
    }
}
