import { crc32, inflateRawSync } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const END_LENGTH = 22;
const LONGEST_COMMENT = 0xffff;

/** Reads the directory of a zip archive (wheels are zip archives). No zip64, no encryption: neither occurs in wheels. */
export function zipEntries(archive) {
  const end = endOfDirectory(archive);
  const entries = [];
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    if (archive.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('damaged zip archive: its directory is cut short');
    const nameLength = archive.readUInt16LE(at + 28);
    entries.push({
      name: archive.toString('utf8', at + 46, at + 46 + nameLength),
      method: archive.readUInt16LE(at + 10),
      checksum: archive.readUInt32LE(at + 16),
      packedBytes: archive.readUInt32LE(at + 20),
      bytes: archive.readUInt32LE(at + 24),
      offset: archive.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return entries;
}

/** The content of one member. Throws when it is missing, packed in an unknown way, or its checksum differs. */
export function readZipMember(archive, name) {
  const entry = zipEntries(archive).find((candidate) => candidate.name === name);
  if (!entry) throw new Error(`the zip archive has no member ${name}`);
  if (archive.readUInt32LE(entry.offset) !== LOCAL_ENTRY) throw new Error(`damaged zip archive: no data for ${name}`);
  // The local header repeats the name and has extra fields of its own length.
  const start = entry.offset + 30 + archive.readUInt16LE(entry.offset + 26) + archive.readUInt16LE(entry.offset + 28);
  const packed = archive.subarray(start, start + entry.packedBytes);
  const content = unpack(packed, entry);
  if (content.length !== entry.bytes || crc32(content) !== entry.checksum) {
    throw new Error(`damaged zip archive: ${name} has a wrong checksum`);
  }
  return content;
}

function unpack(packed, { method, name, bytes }) {
  if (method === 0) return packed;
  if (method === 8) return inflateRawSync(packed, { maxOutputLength: Math.max(bytes, 1) });
  throw new Error(`zip member ${name} is packed with unknown method ${method}`);
}

function endOfDirectory(archive) {
  const lowest = Math.max(0, archive.length - END_LENGTH - LONGEST_COMMENT);
  for (let at = archive.length - END_LENGTH; at >= lowest; at--) {
    if (archive.readUInt32LE(at) === END_OF_DIRECTORY) return at;
  }
  throw new Error('not a zip archive');
}
