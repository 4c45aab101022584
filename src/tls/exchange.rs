//! X25519 (RFC 7748), the key exchange of most connections, implemented by `graviola` on processors that it supports.
//! Its arithmetic comes from s2n-bignum: it is formally verified, does not branch on secrets, and takes half the time
//! of `ring`'s.

use graviola::key_agreement::x25519::{PrivateKey, PublicKey};
use graviola::util::is_cpu_supported;
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};

/// Replaces the X25519 implementation in `groups` if the processor supports this one.
pub(super) fn speed_up(groups: &mut [&'static dyn SupportedKxGroup]) {
    let Some(slot) = groups.iter_mut().find(|group| group.name() == NamedGroup::X25519) else {
        return;
    };
    if is_cpu_supported() {
        *slot = &X25519;
    }
}

#[derive(Debug)]
struct X25519;

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = PrivateKey::new_random().map_err(|_| GetRandomFailed)?;
        let public = secret.public_key().as_bytes();
        Ok(Box::new(Exchange { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}

/// A key exchange that has been started.
struct Exchange {
    secret: PrivateKey,
    public: [u8; 32],
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        // Fails for a key of the wrong length and for a point of small order, with which every secret would give zero.
        let agreed = PublicKey::try_from_slice(peer).and_then(|peer| self.secret.diffie_hellman(&peer));
        let secret = agreed.map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        Ok(SharedSecret::from(&secret.0[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}

#[cfg(test)]
#[expect(deprecated, reason = "ring takes given secrets in its test API only")]
mod tests {
    use super::{NamedGroup, X25519, speed_up};
    use graviola::key_agreement::x25519::StaticPrivateKey;
    use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519 as RING, agree_ephemeral};
    use ring::rand::{SecureRandom, SystemRandom};
    use ring::test::rand::FixedSliceRandom;
    use rustls::crypto::{SupportedKxGroup, ring::kx_group};

    type Bytes = [u8; 32];

    fn hex(text: &str) -> Bytes {
        let mut bytes = [0; 32];
        hex_simd::decode(text.as_bytes(), hex_simd::Out::from_slice(&mut bytes)).unwrap();
        bytes
    }

    fn random() -> Bytes {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).unwrap();
        bytes
    }

    /// The public key and the shared secret, computed by this module's implementation.
    fn ours(secret: &Bytes, peer: &[u8]) -> (Bytes, Option<Vec<u8>>) {
        let secret = StaticPrivateKey::from_array(secret);
        let public = secret.public_key().as_bytes();
        let agreed = graviola::key_agreement::x25519::PublicKey::try_from_slice(peer)
            .and_then(|peer| secret.diffie_hellman(&peer))
            .ok();
        (public, agreed.map(|agreed| agreed.0.to_vec()))
    }

    /// The same, computed by ring.
    fn rings(secret: &Bytes, peer: &[u8]) -> (Bytes, Option<Vec<u8>>) {
        let secret = EphemeralPrivateKey::generate(&RING, &FixedSliceRandom { bytes: secret }).unwrap();
        let public = secret.compute_public_key().unwrap();
        let agreed = agree_ephemeral(secret, &UnparsedPublicKey::new(&RING, peer), <[u8]>::to_vec);
        (public.as_ref().try_into().unwrap(), agreed.ok())
    }

    /// Points of small order (RFC 7748, 6.1) in all their encodings. The shared secret with each of them is zero.
    fn small_orders() -> Vec<Bytes> {
        let [mut one, mut most, mut prime, mut above] = [[0; 32], [0xff; 32], [0xff; 32], [0xff; 32]];
        one[0] = 1;
        // p - 1, p and p + 1, where p = 2^255 - 19.
        (most[0], prime[0], above[0]) = (0xec, 0xed, 0xee);
        let of_eight = hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
        let other = hex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157");
        let mut points = vec![[0; 32], one, of_eight, other];
        for point in [most, prime, above] {
            let mut low = point;
            low[31] = 0x7f;
            points.extend([point, low]);
        }
        points
    }

    #[test]
    fn agrees_with_the_standard() {
        // Test vectors of RFC 7748, 5.2 and 6.1.
        for (secret, peer, agreed) in [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
            ),
            (
                "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
                "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
            ),
        ] {
            let (secret, peer) = (hex(secret), hex(peer));
            assert_eq!(ours(&secret, &peer).1.unwrap(), hex(agreed));
            assert_eq!(rings(&secret, &peer).1.unwrap(), hex(agreed));
        }
        let (public, _) = ours(
            &hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
            &[9; 32],
        );
        assert_eq!(
            public,
            hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        );
    }

    #[test]
    fn agrees_with_ring() {
        for _ in 0..2000 {
            // A random point is on the curve or on its twist.
            let (secret, peer) = (random(), random());
            assert_eq!(ours(&secret, &peer), rings(&secret, &peer), "{secret:x?} {peer:x?}");
        }
        for point in small_orders() {
            let secret = random();
            let (public, agreed) = ours(&secret, &point);
            assert_eq!((public, None), rings(&secret, &point), "{point:x?}");
            assert_eq!(agreed, None, "{point:x?}");
        }
    }

    #[test]
    fn exchanges_keys_with_ring() {
        let mut groups = kx_group_list();
        speed_up(&mut groups);
        let names = |groups: &[&dyn SupportedKxGroup]| groups.iter().map(|group| group.name()).collect::<Vec<_>>();
        assert_eq!(names(&groups), names(&kx_group_list()));
        for _ in 0..100 {
            let (ours, theirs) = (X25519.start().unwrap(), kx_group::X25519.start().unwrap());
            assert_eq!(ours.group(), NamedGroup::X25519);
            let (our_key, their_key) = (ours.pub_key().to_vec(), theirs.pub_key().to_vec());
            let agreed = ours.complete(&their_key).unwrap();
            assert_eq!(agreed.secret_bytes(), theirs.complete(&our_key).unwrap().secret_bytes());
            assert_ne!(agreed.secret_bytes(), [0; 32]);
        }
        for wrong in [&[][..], &[9; 31], &[9; 33], &[0; 32]] {
            assert!(X25519.start().unwrap().complete(wrong).is_err(), "{wrong:x?}");
        }
        // Every key pair is new.
        let key = || X25519.start().unwrap().pub_key().to_vec();
        assert_ne!(key(), key());
    }

    fn kx_group_list() -> Vec<&'static dyn SupportedKxGroup> {
        rustls::crypto::ring::default_provider().kx_groups
    }
}
