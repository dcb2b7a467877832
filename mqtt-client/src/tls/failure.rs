//! What an error of a TLS stream means.

use std::io;

use rustls::{AlertDescription, Error};

use crate::TlsFailure;

/// What an error of a TLS stream means for the connection.
pub(crate) fn failure_of(error: &io::Error) -> TlsFailure {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(
            Error::InvalidCertificate(_)
            | Error::NoCertificatesPresented
            | Error::UnsupportedNameType,
        ) => TlsFailure::ServerCertificate,
        Some(Error::AlertReceived(alert)) => failure_of_alert(*alert),
        Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => TlsFailure::Agreement,
        // rustls may come to have more.
        Some(_) | None => TlsFailure::Handshake,
    }
}

fn failure_of_alert(alert: AlertDescription) -> TlsFailure {
    use AlertDescription as Alert;
    let blames_certificate = [
        Alert::NoCertificate,
        Alert::BadCertificate,
        Alert::UnsupportedCertificate,
        Alert::CertificateRevoked,
        Alert::CertificateExpired,
        Alert::CertificateUnknown,
        Alert::UnknownCA,
        Alert::AccessDenied,
        Alert::DecryptError,
        Alert::CertificateRequired,
    ];
    let blames_offer = [
        Alert::HandshakeFailure,
        Alert::ProtocolVersion,
        Alert::InsufficientSecurity,
        Alert::InappropriateFallback,
        Alert::MissingExtension,
        Alert::UnsupportedExtension,
        Alert::UnrecognisedName,
        Alert::NoApplicationProtocol,
    ];
    if blames_certificate.contains(&alert) {
        TlsFailure::ClientCertificate
    } else if blames_offer.contains(&alert) {
        TlsFailure::Agreement
    } else {
        TlsFailure::Handshake
    }
}
