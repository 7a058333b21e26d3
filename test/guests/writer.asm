; A guest that writes its second sector for ever and never hears its power button.
;   nasm -f bin -o writer.img writer.asm         -> 512 bytes, a boot sector
org 0x7c00
bits 16
  xor ax, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7c00
write:
  mov ax, 0x0301                        ; write one sector
  mov cx, 0x0002                        ; cylinder 0, sector 2
  mov dh, 0
  mov dl, 0x80
  mov bx, 0x7c00
  int 0x13
  jmp write
  times 510 - ($ - $$) db 0
  dw 0xaa55
