//! Why a session failed, in OpenSSL's words: Node derives its error codes from them.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};
use std::borrow::Cow;

/// The error that ended a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// OpenSSL's reason, for example `wrong version number` or `tlsv1 alert unknown ca`.
    pub reason: Cow<'static, str>,
    /// The description that `rustls` gives.
    pub detail: String,
    /// The peer wants or shows something that `rustls` does not support. Another TLS implementation may support it.
    pub foreign: bool,
}

impl Failure {
    /// Translates an error of `rustls`.
    pub(super) fn new(error: &Error) -> Failure {
        let reason = match error {
            Error::AlertReceived(alert) => alert_reason(*alert),
            error => Cow::Borrowed(local_reason(error)),
        };
        Failure {
            reason,
            detail: match error {
                // The error of all records of a wrong type, see `records`.
                Error::PeerMisbehaved(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec) => {
                    "peer sent a record that is not allowed here".into()
                }
                error => error.to_string(),
            },
            foreign: is_foreign(error),
        }
    }
}

/// `InvalidCertificate` is among them because `rustls` reports a signature by a kind of key that it does not support in
/// the same way as a wrong signature.
fn is_foreign(error: &Error) -> bool {
    matches!(
        error,
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity)
            | Error::PeerIncompatible(_)
            | Error::InvalidCertificate(_)
    )
}

/// OpenSSL's reason for an alert: the older ones start with the version of the protocol that introduced them.
fn alert_reason(alert: AlertDescription) -> Cow<'static, str> {
    let reason = match alert {
        AlertDescription::UnexpectedMessage => "sslv3 alert unexpected message",
        AlertDescription::BadRecordMac => "sslv3 alert bad record mac",
        AlertDescription::DecryptionFailed => "tlsv1 alert decryption failed",
        AlertDescription::RecordOverflow => "tlsv1 alert record overflow",
        AlertDescription::DecompressionFailure => "sslv3 alert decompression failure",
        AlertDescription::HandshakeFailure => "sslv3 alert handshake failure",
        AlertDescription::NoCertificate => "sslv3 alert no certificate",
        AlertDescription::BadCertificate => "sslv3 alert bad certificate",
        AlertDescription::UnsupportedCertificate => "sslv3 alert unsupported certificate",
        AlertDescription::CertificateRevoked => "sslv3 alert certificate revoked",
        AlertDescription::CertificateExpired => "sslv3 alert certificate expired",
        AlertDescription::CertificateUnknown => "sslv3 alert certificate unknown",
        AlertDescription::IllegalParameter => "sslv3 alert illegal parameter",
        AlertDescription::UnknownCA => "tlsv1 alert unknown ca",
        AlertDescription::AccessDenied => "tlsv1 alert access denied",
        AlertDescription::DecodeError => "tlsv1 alert decode error",
        AlertDescription::DecryptError => "tlsv1 alert decrypt error",
        AlertDescription::ExportRestriction => "tlsv1 alert export restriction",
        AlertDescription::ProtocolVersion => "tlsv1 alert protocol version",
        AlertDescription::InsufficientSecurity => "tlsv1 alert insufficient security",
        AlertDescription::InternalError => "tlsv1 alert internal error",
        AlertDescription::InappropriateFallback => "tlsv1 alert inappropriate fallback",
        AlertDescription::UserCanceled => "tlsv1 alert user cancelled",
        AlertDescription::NoRenegotiation => "tlsv1 alert no renegotiation",
        AlertDescription::MissingExtension => "tlsv13 alert missing extension",
        AlertDescription::UnsupportedExtension => "tlsv1 unsupported extension",
        AlertDescription::CertificateUnobtainable => "tlsv1 certificate unobtainable",
        AlertDescription::UnrecognisedName => "tlsv1 unrecognized name",
        AlertDescription::BadCertificateStatusResponse => "tlsv1 bad certificate status response",
        AlertDescription::BadCertificateHashValue => "tlsv1 bad certificate hash value",
        AlertDescription::UnknownPSKIdentity => "tlsv1 alert unknown psk identity",
        AlertDescription::CertificateRequired => "tlsv13 alert certificate required",
        AlertDescription::NoApplicationProtocol => "tlsv1 alert no application protocol",
        other => return Cow::Owned(format!("unknown alert type {}", u8::from(other))),
    };
    Cow::Borrowed(reason)
}

fn local_reason(error: &Error) -> &'static str {
    match error {
        Error::InvalidMessage(InvalidMessage::MessageTooLarge) => "packet length too long",
        Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => "excessive message size",
        Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => "wrong version number",
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "invalid record type",
        Error::InvalidMessage(_) => "length mismatch",
        Error::PeerIncompatible(why) => match why {
            PeerIncompatible::NoCipherSuitesInCommon => "no shared cipher",
            PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::KeyShareExtensionRequired => {
                "no suitable key share"
            }
            PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => "no suitable signature algorithm",
            PeerIncompatible::ExtendedMasterSecretExtensionRequired => "inconsistent extms",
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled => "unsupported protocol",
            _ => "bad extension",
        },
        Error::DecryptError => "decryption failed or bad record mac",
        Error::PeerSentOversizedRecord => "data length too long",
        Error::NoApplicationProtocol => "no application protocol",
        Error::NoCertificatesPresented => "peer did not return a certificate",
        Error::InvalidCertificate(CertificateError::BadSignature) => "bad signature",
        Error::InvalidCertificate(_) => "certificate verify failed",
        Error::PeerMisbehaved(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec) => "bad record type",
        Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme) => "wrong signature type",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } | Error::PeerMisbehaved(_) => {
            "unexpected message"
        }
        _ => "internal error",
    }
}
