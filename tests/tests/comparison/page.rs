//! `docs/model-broker.md`: the tables of the differences that are known.

use std::fmt;

use crate::difference::Difference;

const PAGE: &str = include_str!("../../../docs/model-broker.md");

const STATEMENTS: [&str; 2] = [
    include_str!("../../../docs/conformance/mqtt5.tsv"),
    include_str!("../../../docs/conformance/mqtt311.tsv"),
];

/// A row of its tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) conversation: String,
    /// `5.0` or `3.1.1`.
    pub(crate) version: String,
    pub(crate) mosquitto: Vec<String>,
    pub(crate) model: Vec<String>,
    /// The paragraph, and what it says.
    pub(crate) decision: String,
    pub(crate) right: Right,
}

/// Who does what the standard says. Where it would be mosquitto alone, the model is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Both,
    Model,
}

/// The rows of the page, those for both versions twice; panics at one that is not well written.
pub(crate) fn rows() -> Vec<Row> {
    let is_row = |line: &&str| {
        line.starts_with('|') && !line.starts_with("| Conversation |") && !line.starts_with("|---")
    };
    PAGE.lines().filter(is_row).flat_map(Row::read).collect()
}

impl Row {
    fn read(line: &str) -> Vec<Row> {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [conversation, versions, mosquitto, model, decision, right] = cells[..] else {
            panic!("a row has six cells: {line}");
        };
        let lines = |cell: &str| -> Vec<String> {
            let lines = cell.split("<br>").filter(|line| *line != "nothing");
            lines.map(|line| line.trim().trim_matches('`').to_owned()).collect()
        };
        let right = match right {
            "both" => Right::Both,
            "the model" => Right::Model,
            other => panic!("{other:?} is not who may be right: {line}"),
        };
        assert!(
            decision.starts_with(|c: char| c.is_ascii_digit() || c == '[') && decision.len() > 20,
            "no paragraph and its words: {line}",
        );
        let row = |version: &str| Row {
            conversation: conversation.to_owned(),
            version: version.to_owned(),
            mosquitto: lines(mosquitto),
            model: lines(model),
            decision: decision.to_owned(),
            right,
        };
        versions.split(", ").map(row).collect()
    }

    /// Whether this row is about that difference.
    pub(crate) fn is_about(&self, difference: &Difference) -> bool {
        self.conversation == difference.conversation
            && self.version == difference.version
            && self.mosquitto == difference.mosquitto
            && self.model == difference.model
    }
}

/// The difference as the start of a row.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |lines: &[String]| match lines {
            [] => "nothing".to_owned(),
            lines => {
                let lines = lines.iter().map(|line| format!("`{line}`"));
                lines.collect::<Vec<_>>().join("<br>")
            }
        };
        let Difference { conversation, version, mosquitto, model } = self;
        write!(f, "| {conversation} | {version} | {} | {} |", cell(mosquitto), cell(model))
    }
}

#[test]
fn the_page_cites_statements_there_are() {
    for row in rows() {
        for cited in row.decision.split('[').skip(1) {
            let (id, _) = cited.split_once(']').expect("a bracket is closed");
            let mut lines = STATEMENTS.iter().flat_map(|list| list.lines());
            assert!(
                lines.any(|line| line.split('\t').next() == Some(id)),
                "there is no {id}: {row:?}"
            );
        }
    }
}
