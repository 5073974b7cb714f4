/**
 * Directory documents of the Tor network (dir-spec): what a relay publishes of itself (server descriptor, extra-info
 * document), what it reads of others (consensus, key certificates, microdescriptors), and what they are made of (exit
 * policies, protocol lists, Ed25519 certificates). Bytes in, values out, and back: nothing here fetches, stores or
 * trusts anything; readers verify what a document can prove by itself and say so.
 */
export { formatAddressPort, parseAddressPort } from './address-port.js';
export type { AddressPort } from './address-port.js';
export { MAX_CONSENSUS_BYTES, parseConsensus, signedDigest } from './consensus.js';
export type { Consensus, ConsensusAuthority, ConsensusSignature } from './consensus.js';
export type { ConsensusFlavour, ConsensusRouter } from './consensus-router.js';
export { ExpandedEd25519Key } from './ed25519-keys.js';
export type { Ed25519Signer } from './ed25519-keys.js';
export { ExitPolicy } from './exit-policy.js';
export type { PolicyVerdict } from './exit-policy.js';
export { DEFAULT_EXIT_POLICY, makeExitPolicy, REDUCED_EXIT_POLICY } from './exit-policy-settings.js';
export type { ExitPolicySettings } from './exit-policy-settings.js';
export { MAX_EXTRA_INFO_BYTES, parseExtraInfo, writeExtraInfo } from './extra-info.js';
export type { ExtraInfo, ExtraInfoInput } from './extra-info.js';
export { splitDocuments, tokenize } from './items.js';
export type { DocumentItem, DocumentItems } from './items.js';
export { parseKeyCertificate, parseKeyCertificates } from './key-certificate.js';
export type { KeyCertificate } from './key-certificate.js';
export { parseMicrodescriptor, parseMicrodescriptors } from './microdescriptor.js';
export type { Microdescriptor } from './microdescriptor.js';
export { formatPortSummary, parsePortSummary, summaryAccepts, summaryRejectsAll } from './port-summary.js';
export type { PortSummary } from './port-summary.js';
export { Protocols } from './protocols.js';
export { MAX_DESCRIPTOR_BYTES, parseRouterDescriptor } from './router-descriptor.js';
export type { RouterDescriptor } from './router-descriptor.js';
export type { DescriptorKeys, OnionKeyPairs, RouterDescriptorInput } from './router-descriptor-input.js';
export type { SignedDocument } from './signed-document.js';
export { verifyConsensus } from './verify-consensus.js';
export type { ConsensusVerdict } from './verify-consensus.js';
export { writeRouterDescriptor } from './write-router-descriptor.js';
