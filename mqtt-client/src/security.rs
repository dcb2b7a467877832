//! Which streams are secured, and how.

use crate::OptionsError;
use crate::options::{Broker, Options, Scheme};
use crate::stream::Stream;

/// What there is to secure streams with.
#[derive(Clone, Debug)]
pub(crate) struct Security {
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Connector>,
}

impl Security {
    /// What the options say, which must do for all their brokers.
    #[cfg(feature = "tls")]
    pub(crate) fn new(options: &Options) -> Result<Security, OptionsError> {
        let tls = options.tls.as_ref().map(crate::Tls::connector).transpose();
        let security = Security { tls: tls.map_err(OptionsError::Tls)? };
        security.check(&options.brokers)?;
        Ok(security)
    }

    /// None.
    #[cfg(not(feature = "tls"))]
    pub(crate) fn new(options: &Options) -> Result<Security, OptionsError> {
        let security = Security {};
        security.check(&options.brokers)?;
        Ok(security)
    }

    /// Whether there is what these brokers take.
    pub(crate) fn check(&self, brokers: &[Broker]) -> Result<(), OptionsError> {
        brokers.iter().try_for_each(|broker| match broker.scheme {
            Scheme::Plain => Ok(()),
            #[cfg(feature = "tls")]
            Scheme::Tls => {
                self.connector()?.server_name(&broker.host).map(drop).map_err(OptionsError::Tls)
            }
        })
    }

    /// A stream over a transport to this broker.
    pub(crate) fn secure<T>(
        &self,
        broker: &Broker,
        transport: T,
    ) -> Result<Stream<T>, OptionsError> {
        match broker.scheme {
            Scheme::Plain => Ok(Stream::Plain(transport)),
            #[cfg(feature = "tls")]
            Scheme::Tls => {
                let stream = self.connector()?.connect(&broker.host, transport);
                Ok(Stream::Tls(Box::new(stream.map_err(OptionsError::Tls)?)))
            }
        }
    }

    #[cfg(feature = "tls")]
    fn connector(&self) -> Result<&crate::tls::Connector, OptionsError> {
        self.tls.as_ref().ok_or(OptionsError::Tls(crate::TlsProblem::Missing))
    }
}
