//! Topic Filters as the broker matches them (sections 4.7 and 4.8).

use mqtt_proto::Version;

/// A Topic Filter, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// Whether it is that of a shared subscription.
    pub(super) is_shared: bool,
    /// What topics are matched with: without `$share/{ShareName}/`.
    levels: String,
}

impl Filter {
    /// Takes a filter apart that the codec has checked.
    pub(super) fn new(filter: &str, version: Version) -> Filter {
        let shared = match version {
            Version::V5 => filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')),
            // Before 5.0, $share is a level like any other.
            Version::V3_1 | Version::V3_1_1 => None,
        };
        let levels = shared.map_or(filter, |(_, levels)| levels);
        Filter { is_shared: shared.is_some(), levels: levels.to_owned() }
    }

    pub(super) fn has_wildcard(&self) -> bool {
        self.levels.contains(['+', '#'])
    }

    /// Whether the filter matches a Topic Name.
    pub(super) fn matches(&self, topic: &str) -> bool {
        matches(&self.levels, topic)
    }
}

/// Whether `filter`, which is not shared, matches `topic`.
pub(super) fn matches(filter: &str, topic: &str) -> bool {
    // [MQTT-4.7.2-1]
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    matches_levels(filter, Some(topic))
}

/// Whether the levels of `filter` match those of `topic`, which is `None` when they are used up.
fn matches_levels(filter: &str, topic: Option<&str>) -> bool {
    let (wanted, more_wanted) = split_level(filter);
    // The level above # is among its matches: "a/#" matches "a".
    if wanted == "#" {
        return true;
    }
    let Some(topic) = topic else { return false };
    let (level, more) = split_level(topic);
    // [MQTT-4.7.3-4]
    let fits = wanted == "+" || wanted == level;
    match more_wanted {
        Some(more_wanted) => fits && matches_levels(more_wanted, more),
        None => fits && more.is_none(),
    }
}

/// The first level, and what follows its `/`.
fn split_level(levels: &str) -> (&str, Option<&str>) {
    levels.split_once('/').map_or((levels, None), |(level, rest)| (level, Some(rest)))
}

#[cfg(test)]
mod tests {
    use mqtt_proto::Version;

    use super::{Filter, matches};

    #[test]
    fn filters_match_by_the_examples_of_the_standard() {
        for (filter, topics) in [
            ("sport/tennis/#", &["sport/tennis", "sport/tennis/a", "sport/tennis/a/b"][..]),
            ("sport/+", &["sport/", "sport/a"]),
            ("+/+", &["/finance", "a/b", "/"]),
            ("/+", &["/finance"]),
            ("#", &["a", "/", "a//b"]),
            ("$SYS/#", &["$SYS", "$SYS/a"]),
            ("a//b", &["a//b"]),
        ] {
            assert!(topics.iter().all(|topic| matches(filter, topic)), "{filter}");
        }
        for (filter, topics) in [
            ("sport/tennis/#", &["sport", "sport/tennis2"][..]),
            ("sport/+", &["sport", "sport/a/b"]),
            ("+", &["/finance", "$SYS", ""][..2]),
            ("#", &["$SYS/a"]),
            ("+/monitor", &["$SYS/monitor"]),
            ("a/b", &["a", "A/b", "a/b/"]),
        ] {
            assert!(!topics.iter().any(|topic| matches(filter, topic)), "{filter}");
        }
    }

    #[test]
    fn a_shared_filter_matches_as_the_filter_behind_its_name() {
        let shared = Filter::new("$share/group//x", Version::V5);
        assert!(shared.is_shared && shared.matches("/x") && !shared.matches("x"));
        let plain = Filter::new("$share/group/x", Version::V3_1_1);
        assert!(!plain.is_shared && plain.matches("$share/group/x") && !plain.matches("x"));
    }
}
