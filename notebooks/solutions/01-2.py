# Exercise 01-2
def ping_frame(payload, mask):
    header = bytes([0x80 | Opcode.PING, 0x80 | len(payload)])
    return header + mask + apply_mask(payload, mask)
