; Counts from 0 to 255 and over again, two numbers a second.

count   EQU VA
x       EQU VB
y       EQU VC

        LD count, 0
show:   CLS
        LD I, digits
        LD B, count         ; the three decimal digits go to memory,
        LD V2, [I]          ; and from there to V0, V1 and V2
        LD x, 24
        LD y, 13
        LD F, V0
        CALL digit
        LD F, V1
        CALL digit
        LD F, V2
        CALL digit
        ADD count, 1
        LD V0, 30           ; half a second
        LD DT, V0
wait:   LD V0, DT
        SE V0, 0
        JP wait
        JP show

digit:  DRW x, y, 5
        ADD x, 6
        RET

digits: DS 3
