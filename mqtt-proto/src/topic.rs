//! Topic Names, Topic Filters and how they match (sections 4.7 and 4.8).

use crate::wire::has_nul_or_wildcard;
use crate::{TopicError, Version, Violation};

/// A checked Topic Name: not empty, no wildcards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName<'a>(&'a str);

/// A checked Topic Filter; `$share/{name}/{filter}` is a shared subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter<'a>(&'a str);

impl<'a> TopicName<'a> {
    /// Checks `name`.
    pub fn new(name: &'a str) -> Result<TopicName<'a>, TopicError> {
        check_name(name.as_bytes()).map(|()| TopicName(name))
    }

    /// The name as it was given.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

impl<'a> TopicFilter<'a> {
    /// Checks `filter`, as MQTT 5.0 has it: what starts with `$share/` is a shared subscription.
    pub fn new(filter: &'a str) -> Result<TopicFilter<'a>, TopicError> {
        check_filter(filter, Version::V5).map(|()| TopicFilter(filter))
    }

    /// The filter as it was given.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// Whether `name`, a Topic Name, matches; a shared subscription matches as its filter does.
    pub fn matches(&self, name: impl AsRef<str>) -> bool {
        let (filter, name) = (self.without_share().0, name.as_ref());
        // [MQTT-4.7.2-1]
        if name.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = name.split('/');
        for wanted in filter.split('/') {
            match (wanted, levels.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }

    /// The Share Name of a shared subscription.
    pub fn share_name(&self) -> Option<&'a str> {
        split_share(self.0).map(|(share_name, _)| share_name)
    }

    /// Whether the filter is that of a shared subscription.
    pub fn is_shared(&self) -> bool {
        is_shared(self.0)
    }

    /// Whether a wildcard stands in the filter.
    pub fn has_wildcard(&self) -> bool {
        has_nul_or_wildcard(self.0.as_bytes())
    }

    /// The filter behind `$share/{name}/`, or the filter itself.
    pub fn without_share(&self) -> TopicFilter<'a> {
        split_share(self.0).map_or(*self, |(_, filter)| TopicFilter(filter))
    }
}

impl AsRef<str> for TopicName<'_> {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl AsRef<str> for TopicFilter<'_> {
    fn as_ref(&self) -> &str {
        self.0
    }
}

const SHARE: &str = "$share/";

/// Whether a checked filter is that of a shared subscription.
#[inline]
pub(crate) fn is_shared(filter: &str) -> bool {
    filter.starts_with(SHARE)
}

/// Share Name and filter of a shared subscription.
fn split_share(filter: &str) -> Option<(&str, &str)> {
    filter.strip_prefix(SHARE)?.split_once('/')
}

/// Checks a Topic Name.
#[inline]
pub(crate) fn check_name(name: &[u8]) -> Result<(), TopicError> {
    check_len(name)?;
    if has_nul_or_wildcard(name) {
        return Err(first_fault(name));
    }
    Ok(())
}

/// What is wrong with a name in which U+0000 or a wildcard stands.
#[cold]
fn first_fault(name: &[u8]) -> TopicError {
    let find = |bad: &[u8]| name.iter().position(|byte| bad.contains(byte));
    match find(b"\0") {
        // [MQTT-4.7.3-2]
        Some(at) => TopicError::NulCharacter { at },
        // [MQTT-4.7.0-1]
        None => TopicError::Wildcard { at: find(b"+#").unwrap_or_default() },
    }
}

/// Checks a Topic Filter.
#[inline]
pub(crate) fn check_filter(filter: &str, version: Version) -> Result<(), TopicError> {
    check_len(filter.as_bytes())?;
    // Before 5.0, $share is a level like any other.
    if version == Version::V5 {
        check_share(filter)?;
    }
    if has_nul_or_wildcard(filter.as_bytes()) {
        return check_levels(filter);
    }
    Ok(())
}

/// Checks the levels of a filter in which U+0000 or a wildcard stands.
fn check_levels(filter: &str) -> Result<(), TopicError> {
    // [MQTT-4.7.3-2]
    if let Some(at) = filter.find('\0') {
        return Err(TopicError::NulCharacter { at });
    }
    let mut start = 0;
    for level in filter.split('/') {
        let end = start + level.len();
        let wildcard = level.bytes().zip(start..).find(|(byte, _)| matches!(byte, b'+' | b'#'));
        match (level, wildcard) {
            (_, None) | ("+", _) => {}
            ("#", _) if end == filter.len() => {}
            // [MQTT-4.7.1-2]
            (_, Some((b'+', at))) => return Err(TopicError::SingleLevelWildcard { at }),
            // [MQTT-4.7.1-1]
            (_, Some((_, at))) => return Err(TopicError::MultiLevelWildcard { at }),
        }
        start = end + 1;
    }
    Ok(())
}

/// Checks the Share Name of a Topic Filter, if it is that of a shared subscription.
fn check_share(filter: &str) -> Result<(), TopicError> {
    let Some(rest) = filter.strip_prefix(SHARE) else {
        return Ok(());
    };
    let (share_name, inner) = rest.split_once('/').unwrap_or((rest, ""));
    // [MQTT-4.8.2-1]
    if share_name.is_empty() {
        return Err(TopicError::ShareName { at: SHARE.len() });
    }
    // [MQTT-4.8.2-2]
    if let Some(at) = share_name.find(['+', '#']) {
        return Err(TopicError::ShareName { at: SHARE.len() + at });
    }
    if inner.is_empty() {
        return Err(TopicError::SharedFilter { at: filter.len() });
    }
    Ok(())
}

#[inline]
fn check_len(topic: &[u8]) -> Result<(), TopicError> {
    // [MQTT-4.7.3-1]
    if topic.is_empty() {
        return Err(TopicError::Empty);
    }
    // [MQTT-4.7.3-3]
    if topic.len() > usize::from(u16::MAX) {
        return Err(TopicError::TooLong);
    }
    Ok(())
}

impl TopicError {
    /// What a received packet breaks with such a topic.
    pub(crate) const fn violation(self) -> Violation {
        match self {
            TopicError::Empty => Violation::EmptyTopic,
            TopicError::TooLong => Violation::ValueOutOfRange,
            TopicError::NulCharacter { .. } => Violation::NulCharacter,
            TopicError::Wildcard { .. } => Violation::Wildcard,
            TopicError::MultiLevelWildcard { .. }
            | TopicError::SingleLevelWildcard { .. }
            | TopicError::ShareName { .. }
            | TopicError::SharedFilter { .. } => Violation::InvalidFilter,
        }
    }
}
