/** What an image file's own header says. */
export type Inspection =
  | {
      readonly format: "raw" | "qcow2";
      /** Bytes the guest sees. */
      readonly virtualSize: number;
      /** It is an ISO 9660 image: raw, and only read. */
      readonly cdrom?: true;
    }
  /** It must not be run: `found` follows "expected a raw or qcow2 image, found"; `hint` says what to do. */
  | {
      readonly format: "refused";
      readonly found: string;
      readonly hint: string;
      /** QEMU's word for the format that it looks like; null when nothing of it is known. */
      readonly recognised: string | null;
    };
