; For SUPER-CHIP: writes the ten large digits across the wide screen, lets them sink, and ends.

digit   EQU V0
x       EQU V1
y       EQU V2
count   EQU V3

        HIGH
        LD digit, 0
        LD x, 4
        LD y, 4
next:   LD HF, digit
        DRW x, y, 10
        ADD x, 12
        ADD digit, 1
        SE digit, 10
        JP next

        LD count, 23
sink:   SCD 2
        LD V4, 1            ; one frame
        LD DT, V4
wait:   LD V4, DT
        SE V4, 0
        JP wait
        ADD count, -1
        SE count, 0
        JP sink

        LD x, 0             ; a frame corner of 16 x 16 pixels
        LD y, 0
        LD I, corner
        DRW x, y, 0
        EXIT

corner: DW %################, %################
        DW %##.............., %##..............
        DW %##.............., %##..............
        DW %##.............., %##..............
        DW %##.............., %##..............
        DW %##.............., %##..............
        DW %##.............., %##..............
        DW %##.............., %##..............
