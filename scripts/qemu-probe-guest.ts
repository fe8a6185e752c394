/**
 * The smallest guest there is: an initramfs whose /init prints a word and sleeps. Made here byte by byte, so that probing
 * an accelerator needs no compiler, no busybox and no built image.
 */

/** x86-64: write(1, text, length), then pause() for ever. */
function program(text: Buffer): Buffer {
  const code = Buffer.from([
    0xb8, 1, 0, 0, 0, //             mov eax, 1 (write)
    0xbf, 1, 0, 0, 0, //             mov edi, 1 (stdout: the kernel opened /dev/console)
    0x48, 0x8d, 0x35, 16, 0, 0, 0, // lea rsi, [rip + 16]: the text, right after the code
    0xba, 0, 0, 0, 0, //             mov edx, length
    0x0f, 0x05, //                   syscall
    0xb8, 34, 0, 0, 0, //            mov eax, 34 (pause)
    0x0f, 0x05, //                   syscall
    0xeb, 0xf7, //                   back to pause
  ]);
  code.writeUInt32LE(text.length, 18);
  return Buffer.concat([code, text]);
}

/** One loadable segment, nothing else. */
function elf(body: Buffer): Buffer {
  const base = 0x400000n;
  const headerSize = 64 + 56;
  const size = BigInt(headerSize + body.length);
  const header = Buffer.alloc(headerSize);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bit, little endian
  header.writeUInt16LE(2, 16); // executable
  header.writeUInt16LE(62, 18); // x86-64
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(base + BigInt(headerSize), 24); // entry
  header.writeBigUInt64LE(64n, 32); // program headers
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64); // PT_LOAD
  header.writeUInt32LE(5, 68); // readable, executable
  header.writeBigUInt64LE(base, 80);
  header.writeBigUInt64LE(base, 88);
  header.writeBigUInt64LE(size, 96);
  header.writeBigUInt64LE(size, 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, body]);
}

/** One entry of a cpio archive in the kernel's "newc" format. */
function cpioEntry(name: string, mode: number, data: Buffer): Buffer {
  const fields = [0, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0];
  const head = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`);
  return Buffer.concat([pad4(head), pad4(data)]);
}

function pad4(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
}

export function initramfsSaying(text: string): Buffer {
  return Buffer.concat([cpioEntry('init', 0o100755, elf(program(Buffer.from(text)))), cpioEntry('TRAILER!!!', 0, Buffer.alloc(0))]);
}
