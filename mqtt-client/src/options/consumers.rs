//! What holds for subscriptions that do not say otherwise.

use super::Options;
use crate::delivery::Callback;
use crate::{DropPolicy, Message, Overflow, SubscribeOptions};

/// The defaults of [`SubscribeOptions`].
#[derive(Clone, Debug)]
pub(crate) struct ConsumerOptions {
    pub(crate) overflow: Overflow,
    pub(crate) buffer: usize,
    pub(crate) hold_limit: Option<(usize, DropPolicy)>,
    pub(crate) queue_size: usize,
    pub(crate) on_drop: Option<Callback>,
}

impl Default for ConsumerOptions {
    fn default() -> ConsumerOptions {
        ConsumerOptions {
            overflow: Overflow::Pause,
            buffer: 64,
            hold_limit: None,
            queue_size: 65_536,
            on_drop: None,
        }
    }
}

/// Defaults for every subscription.
impl Options {
    /// As [`SubscribeOptions::qos0_overflow`]. Default: [`Overflow::Pause`].
    pub fn qos0_overflow(mut self, overflow: Overflow) -> Options {
        self.receiving.consumers.overflow = overflow;
        self
    }

    /// As [`SubscribeOptions::buffer`]. Default: 64.
    pub fn buffer(mut self, messages: usize) -> Options {
        self.receiving.consumers.buffer = messages;
        self
    }

    /// As [`SubscribeOptions::hold_limit`]. Default: none.
    pub fn hold_limit(mut self, messages: usize, policy: DropPolicy) -> Options {
        self.receiving.consumers.hold_limit = Some((messages, policy));
        self
    }

    /// As [`SubscribeOptions::queue_size`]. Default: 65,536.
    pub fn queue_size(mut self, messages: usize) -> Options {
        self.receiving.consumers.queue_size = messages;
        self
    }

    /// As [`SubscribeOptions::on_drop`]. Default: none.
    pub fn on_drop(mut self, hook: impl FnMut(&Message) + Send + 'static) -> Options {
        self.receiving.consumers.on_drop = Some(Callback::new(hook));
        self
    }
}

impl ConsumerOptions {
    /// The defaults, where `options` do not say otherwise.
    pub(crate) fn for_one(&self, options: &SubscribeOptions) -> ConsumerOptions {
        ConsumerOptions {
            overflow: options.overflow.unwrap_or(self.overflow),
            buffer: options.buffer.unwrap_or(self.buffer),
            hold_limit: options.hold_limit.or(self.hold_limit),
            queue_size: options.queue_size.unwrap_or(self.queue_size),
            on_drop: options.on_drop.clone().or_else(|| self.on_drop.clone()),
        }
    }
}
