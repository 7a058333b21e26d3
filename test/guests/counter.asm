; A guest that prints a counter on its serial port for ever, as fast as it can: eight hexadecimal digits and a line feed.
;   nasm -f bin -o counter.img counter.asm       -> 512 bytes, a boot sector
org 0x7c00
bits 16
  cli                                   ; or the firmware, which has words left, would write between ours
  xor ax, ax
  mov ss, ax
  mov sp, 0x7c00
  xor ecx, ecx
number:
  mov eax, ecx
  mov bp, 8
digit:
  rol eax, 4
  mov bl, al
  and bl, 15
  add bl, '0'
  cmp bl, '9'
  jbe print
  add bl, 'a' - '9' - 1
print:
  call send
  dec bp
  jnz digit
  mov bl, 10
  call send
  inc ecx
  jmp number
send:                                   ; the byte in BL
  push ax
  mov dx, 0x3fd
wait_until_empty:
  in al, dx
  test al, 0x20
  jz wait_until_empty
  mov dx, 0x3f8
  mov al, bl
  out dx, al
  pop ax
  ret
times 510 - ($ - $$) db 0
dw 0xaa55
