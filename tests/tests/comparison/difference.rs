//! Where two traces differ.

use mqtt_proto::Version;

use crate::conversation::Heard;

/// Lines of one broker that stand where the other has others, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) conversation: &'static str,
    pub(crate) version: &'static str,
    pub(crate) mosquitto: Vec<String>,
    pub(crate) model: Vec<String>,
}

/// The differences of one conversation, connection by connection, in their order.
pub(crate) fn differences(heard: &Heard) -> Vec<Difference> {
    let traces = heard.mosquitto.iter().zip(&heard.model);
    let pairs = traces.flat_map(|(mosquitto, model)| compare(mosquitto, model));
    let named = pairs.map(|(mosquitto, model)| Difference {
        conversation: heard.name,
        version: name(heard.version),
        mosquitto: mosquitto.to_vec(),
        model: model.to_vec(),
    });
    named.collect()
}

/// The runs of lines of each that stand in the other's place.
fn compare<'a>(first: &'a [String], second: &'a [String]) -> Vec<(&'a [String], &'a [String])> {
    let lengths = common_lengths(first, second);
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    while i < first.len() || j < second.len() {
        let start = (i, j);
        while (i < first.len() || j < second.len()) && first.get(i) != second.get(j) {
            if j == second.len() || (i < first.len() && lengths[i + 1][j] >= lengths[i][j + 1]) {
                i += 1;
            } else {
                j += 1;
            }
        }
        if start != (i, j) {
            found.push((&first[start.0..i], &second[start.1..j]));
        }
        while i < first.len() && first.get(i) == second.get(j) {
            (i, j) = (i + 1, j + 1);
        }
    }
    found
}

/// How many lines the two have in common from `[i]` of the first and `[j]` of the second on.
fn common_lengths(first: &[String], second: &[String]) -> Vec<Vec<usize>> {
    let mut lengths = vec![vec![0; second.len() + 1]; first.len() + 1];
    for i in (0..first.len()).rev() {
        for j in (0..second.len()).rev() {
            lengths[i][j] = if first[i] == second[j] {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    lengths
}

fn name(version: Version) -> &'static str {
    match version {
        Version::V3_1 => "3.1",
        Version::V3_1_1 => "3.1.1",
        Version::V5 => "5.0",
    }
}

#[cfg(test)]
mod tests {
    use super::compare;

    /// The runs that differ, of lines of one letter each.
    fn runs(first: &str, second: &str) -> Vec<(String, String)> {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let (first, second) = (lines(first), lines(second));
        let runs = compare(&first, &second);
        runs.into_iter().map(|(first, second)| (first.concat(), second.concat())).collect()
    }

    #[track_caller]
    fn expect(first: &str, second: &str, expected: &[(&str, &str)]) {
        let runs = runs(first, second);
        let runs: Vec<_> = runs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(runs, expected);
    }

    #[test]
    fn each_run_of_other_lines_is_one_difference() {
        expect("abc", "abc", &[]);
        expect("abc", "axc", &[("b", "x")]);
        expect("abcd", "xd", &[("abc", "x")]);
        expect("ac", "abcd", &[("", "b"), ("", "d")]);
        expect("", "ab", &[("", "ab")]);
    }

    #[test]
    fn a_line_that_stands_elsewhere_differs_twice() {
        expect("abcd", "bcda", &[("a", ""), ("", "a")]);
    }
}
