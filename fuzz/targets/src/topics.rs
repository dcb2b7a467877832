//! Topic Names and Topic Filters against rules and a matcher written down once more, naively.

use mqtt_proto::{
    Dialect, Encode, PacketId, Properties, Role, Subscribe, Subscription, SubscriptionOptions,
    Subscriptions, TopicFilter, TopicName, Version,
};

/// The first line is a filter, each further one a name.
pub fn topics(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let filter = lines.next().unwrap_or_default();
    let checked = TopicFilter::new(filter);
    assert_eq!(checked.is_ok(), is_filter(filter, Version::V5), "{filter:?}: {checked:?}");
    if let Ok(checked) = checked {
        parts(&checked);
    }
    for version in [Version::V3_1_1, Version::V5] {
        let sent = is_subscribed(filter, version);
        assert_eq!(sent, is_filter(filter, version), "{filter:?} in a SUBSCRIBE of {version:?}");
    }
    for name in lines {
        let is_valid = TopicName::new(name).is_ok();
        assert_eq!(is_valid, is_name(name), "{name:?}");
        if let Ok(checked) = checked
            && is_valid
        {
            let filter = inner(filter);
            let expected = matches(&levels(filter), &levels(name)) && !is_hidden(filter, name);
            assert_eq!(checked.matches(name), expected, "{filter:?} and {name:?}");
        }
    }
}

/// Nothing is lost of a shared subscription.
fn parts(filter: &TopicFilter<'_>) {
    let whole = filter.as_str();
    let inner = filter.without_share();
    match filter.share_name() {
        Some(name) => assert_eq!(format!("$share/{name}/{}", inner.as_str()), whole),
        None => assert_eq!(inner.as_str(), whole),
    }
    assert_eq!(filter.is_shared(), filter.share_name().is_some());
    assert_eq!(
        filter.has_wildcard(),
        levels(whole).iter().any(|&level| level == "+" || level == "#")
    );
}

fn is_subscribed(filter: &str, version: Version) -> bool {
    let subscriptions = [Subscription { filter, options: SubscriptionOptions::default() }];
    let packet = Subscribe {
        packet_id: PacketId::MIN,
        properties: Properties::EMPTY,
        subscriptions: Subscriptions::from_slice(&subscriptions),
    };
    packet.measure(Dialect { version, sender: Role::Client, lenient: false }).is_ok()
}

fn levels(topic: &str) -> Vec<&str> {
    topic.split('/').collect()
}

fn has_legal_length(topic: &str) -> bool {
    (1..=65_535).contains(&topic.len()) && !topic.contains('\0')
}

/// Sections 4.7.1 and 4.7.3.
fn is_name(name: &str) -> bool {
    has_legal_length(name) && !name.contains(['+', '#'])
}

/// Sections 4.7.1, 4.7.3 and, from 5.0 on, 4.8.2.
fn is_filter(filter: &str, version: Version) -> bool {
    if let (Version::V5, ["$share", rest @ ..]) = (version, levels(filter).as_slice())
        && filter.contains('/')
    {
        let [name, inner @ ..] = rest else { return false };
        let is_named = !name.is_empty() && !name.contains(['+', '#']);
        return is_named
            && has_legal_length(filter)
            && is_filter(&inner.join("/"), Version::V3_1_1);
    }
    let levels = levels(filter);
    let (last, before) = levels.split_last().expect("there is always a level");
    let is_plain = |level: &str| level == "+" || !level.contains(['+', '#']);
    has_legal_length(filter)
        && before.iter().all(|level| is_plain(level))
        && (*last == "#" || is_plain(last))
}

/// The filter of a shared subscription, or the filter itself.
fn inner(filter: &str) -> &str {
    match filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')) {
        Some((_, inner)) => inner,
        None => filter,
    }
}

/// Section 4.7.2: a wildcard at the start stands for no topic that starts with `$`.
fn is_hidden(filter: &str, name: &str) -> bool {
    name.starts_with('$') && matches!(filter.chars().next(), Some('+' | '#'))
}

/// Section 4.7.1, level by level.
fn matches(filter: &[&str], name: &[&str]) -> bool {
    match (filter, name) {
        (["#"], _) | ([], []) => true,
        (["+", filter @ ..], [_, name @ ..]) => matches(filter, name),
        ([wanted, filter @ ..], [level, name @ ..]) => wanted == level && matches(filter, name),
        (_, _) => false,
    }
}
