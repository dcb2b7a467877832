//! Topic Names, Topic Filters, and which names match which filters.

use mqtt_proto::{TopicError, TopicFilter, TopicName};

#[track_caller]
fn filter(filter: &str) -> TopicFilter<'_> {
    TopicFilter::new(filter).unwrap_or_else(|error| panic!("{filter}: {error}"))
}

/// Enforces: MQTT-4.7.0-1, MQTT-4.7.3-1, MQTT-4.7.3-2, MQTT-4.7.3-3, MQTT-4.7.1-1 (3.1.1),
/// MQTT-4.7.3-1 (3.1.1), MQTT-4.7.3-2 (3.1.1), MQTT-4.7.3-3 (3.1.1)
#[test]
fn names() {
    for name in ["a", "/", "//", "a b", "a//b", "/a", "a/", "$SYS/x", "é/ü", "\u{FEFF}", "\u{1}"]
    {
        let checked = TopicName::new(name).expect(name);
        assert_eq!((checked.as_str(), checked.as_ref()), (name, name));
    }
    let refused = [
        ("", TopicError::Empty),
        ("+", TopicError::Wildcard { at: 0 }),
        ("a/#", TopicError::Wildcard { at: 2 }),
        ("sensors/a+b", TopicError::Wildcard { at: 9 }),
        ("sensors/long/name/#", TopicError::Wildcard { at: 18 }),
        ("é+", TopicError::Wildcard { at: 2 }),
        ("a\0b", TopicError::NulCharacter { at: 1 }),
        ("sensors/long/\0", TopicError::NulCharacter { at: 13 }),
        ("+\0", TopicError::NulCharacter { at: 1 }),
    ];
    for (name, error) in refused {
        assert_eq!(TopicName::new(name), Err(error), "{name:?}");
    }
    assert!(TopicName::new(&"a".repeat(65_535)).is_ok());
    assert_eq!(TopicName::new(&"a".repeat(65_536)), Err(TopicError::TooLong));
}

/// Enforces: MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3-1, MQTT-4.7.3-2, MQTT-4.7.3-3, MQTT-4.8.2-1,
/// MQTT-4.8.2-2
#[test]
fn filters() {
    let accepted = [
        "#",
        "+",
        "/",
        "a/#",
        "+/a/#",
        "a/+/b",
        "+/+/#",
        "//",
        "/#",
        "a//b",
        "$SYS/#",
        "$share",
        "$share/g/a",
        "$share/g//x",
        "$share/g/#",
        "$share/g/+/b",
        "$share/g/$SYS/x",
        "$shared/#",
    ];
    for text in accepted {
        let checked = filter(text);
        assert_eq!((checked.as_str(), checked.as_ref()), (text, text));
    }
    let refused = [
        ("", TopicError::Empty),
        ("a#", TopicError::MultiLevelWildcard { at: 1 }),
        ("a/#/b", TopicError::MultiLevelWildcard { at: 2 }),
        ("#/a", TopicError::MultiLevelWildcard { at: 0 }),
        ("a/##", TopicError::MultiLevelWildcard { at: 2 }),
        ("#+", TopicError::MultiLevelWildcard { at: 0 }),
        ("a/b/c/d/e#", TopicError::MultiLevelWildcard { at: 9 }),
        ("a+", TopicError::SingleLevelWildcard { at: 1 }),
        ("+a/b", TopicError::SingleLevelWildcard { at: 0 }),
        ("a/++/b", TopicError::SingleLevelWildcard { at: 2 }),
        ("a/+#", TopicError::SingleLevelWildcard { at: 2 }),
        ("a\0", TopicError::NulCharacter { at: 1 }),
        ("$share//a", TopicError::ShareName { at: 7 }),
        ("$share/", TopicError::ShareName { at: 7 }),
        ("$share/+/a", TopicError::ShareName { at: 7 }),
        ("$share/a+/b", TopicError::ShareName { at: 8 }),
        ("$share/a#/b", TopicError::ShareName { at: 8 }),
        ("$share/g", TopicError::SharedFilter { at: 8 }),
        ("$share/g/", TopicError::SharedFilter { at: 9 }),
        ("$share/g/a#", TopicError::MultiLevelWildcard { at: 10 }),
    ];
    for (text, error) in refused {
        assert_eq!(TopicFilter::new(text), Err(error), "{text:?}");
    }
    assert!(TopicFilter::new(&"a/".repeat(32_767)).is_ok());
    assert_eq!(TopicFilter::new(&"+/".repeat(32_768)), Err(TopicError::TooLong));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn matching() {
    let table = [
        ("a/b", "a/b", true),
        ("a/b", "a/B", false),
        ("a/b", "a", false),
        ("a", "a/b", false),
        ("a/b", "a/b/", false),
        ("a/b/", "a/b", false),
        ("a", "aa", false),
        // Every level, and the parent.
        ("#", "a", true),
        ("#", "a/b/c", true),
        ("#", "/", true),
        ("#", "/a", true),
        ("a/#", "a", true),
        ("a/#", "a/", true),
        ("a/#", "a/b", true),
        ("a/#", "a/b/c", true),
        ("a/#", "ab", false),
        ("a/#", "b", false),
        ("a/b/#", "a", false),
        ("/#", "/", true),
        ("/#", "/a", true),
        ("/#", "a", false),
        // One level, which may be empty.
        ("+", "a", true),
        ("+", "a/b", false),
        ("+", "/a", false),
        ("+", "/", false),
        ("/+", "/a", true),
        ("/+", "/", true),
        ("+/+", "/a", true),
        ("+/+", "/", true),
        ("+/+", "a", false),
        ("a/+", "a/b", true),
        ("a/+", "a/", true),
        ("a/+", "a", false),
        ("a/+", "a/b/c", false),
        ("a/+/c", "a/b/c", true),
        ("a/+/c", "a//c", true),
        ("a/+/c", "a/b/d", false),
        ("+/b/#", "a/b", true),
        ("+/b/#", "a/b/c/d", true),
        ("+/b/#", "a/c", false),
        // Empty levels are levels.
        ("a//b", "a//b", true),
        ("a//b", "a/b", false),
        ("/", "/", true),
        ("/", "//", false),
        // Topics of the server are not for wildcards.
        ("#", "$SYS/x", false),
        ("+/x", "$SYS/x", false),
        ("+/#", "$SYS", false),
        ("$SYS/#", "$SYS/x", true),
        ("$SYS/#", "$SYS", true),
        ("$SYS/+", "$SYS/x", true),
        ("a/+", "a/$x", true),
        ("a/#", "a/$x/y", true),
        ("$SYS/x", "$SYS/x", true),
        // Shared subscriptions match by their filter.
        ("$share/g/a/+", "a/b", true),
        ("$share/g/a/+", "g/a/b", false),
        ("$share/g/a", "$share/g/a", false),
        ("$share/g//x", "/x", true),
        ("$share/g/#", "a/b", true),
        ("$share/g/#", "$SYS/x", false),
        ("$share/g/$SYS/#", "$SYS/x", true),
        // Characters are compared as they are.
        ("é", "é", true),
        ("e\u{301}", "é", false),
        ("\u{FEFF}a", "a", false),
    ];
    for (text, name, matches) in table {
        assert_eq!(filter(text).matches(name), matches, "{text} {name}");
        assert_eq!(filter(text).matches(TopicName::new(name).unwrap()), matches, "{text} {name}");
    }
}

#[test]
fn parts_of_a_shared_subscription() {
    let shared = filter("$share/group/a/+");
    assert!(shared.is_shared());
    assert_eq!(shared.share_name(), Some("group"));
    assert_eq!(shared.without_share(), filter("a/+"));
    assert!(shared.has_wildcard());

    let plain = filter("$shared/group/a");
    assert!(!plain.is_shared());
    assert_eq!(plain.share_name(), None);
    assert_eq!(plain.without_share(), plain);
    assert!(!plain.has_wildcard());
    assert!(filter("a/long/topic/filter/#").has_wildcard());
}
