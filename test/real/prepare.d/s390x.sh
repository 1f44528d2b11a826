# What an emulated mainframe boots: a program that adds up the octets of blob.bin, which is a part of
# it, prints "LAB-SUM octets sum" in hex, and powers off. s390-ccw's network boot loads it at address 0.
. "$(dirname "$0")/lib.sh"

cd "$WORK"
seeded_octets s390x 1000000 >blob.bin
cat >sum.s <<'EOF'
	.machine z900
	.machinemode zarch

	.globl	_start
_start:	.long	0x00080000, 0x80000000 + main	# the PSW to begin with

	.macro	hex from, to			# 4 octets as 8 digits; for QEMU the first is always 0, so one more
	unpk	\to - sccb(9, %r9), \from - 1 - sccb(6, %r9)
	mvi	\to - sccb + 8(%r9), ' '
	tr	\to - sccb(8, %r9), 0(%r8)
	.endm

	.org	0x2000				# beyond what the processor keeps for itself
main:	larl	%r9, sccb
	larl	%r8, digits
	aghi	%r8, -0xf0			# unpk gives 0xf0 to 0xff
	larl	%r2, blob
	larl	%r3, end
	slgr	%r3, %r2
	st	%r3, number - sccb(%r9)
	hex	number, octets
	lghi	%r4, 0
add:	llgc	%r5, 0(%r2)
	agr	%r4, %r5
	aghi	%r2, 1
	brctg	%r3, add
	st	%r4, number - sccb(%r9)
	hex	number, total
	mvi	newline - sccb(%r9), '\n'
	llilh	%r1, 0x0076			# SCLP: write event data
	oill	%r1, 0x0005
	.insn	rre, 0xb2200000, %r1, %r9
	lghi	%r3, 0				# SIGP stop to processor 0, itself
	sigp	%r1, %r3, 5
	j	.

	.balign	4096
sccb:	.hword	number - sccb			# a message to the console (SCLP, ASCII)
	.zero	6
	.hword	number - .
	.byte	0x1a, 0
	.hword	0
	.ascii	"LAB-SUM "
octets:	.ascii	"         "
total:	.ascii	"        "
newline: .ascii	" "
	.balign	8
number:	.zero	8
digits:	.ascii	"0123456789abcdef"

	.balign	4096
blob:	.incbin	"blob.bin"
end:
EOF
s390x-linux-gnu-as -o sum.o sum.s
s390x-linux-gnu-ld -Ttext=0 -o sum.elf sum.o
s390x-linux-gnu-objcopy -O binary -j .text sum.elf "$OUT/sum.bin"
cp blob.bin "$OUT/"
